// SPDX-License-Identifier: Apache-2.0
// Tolerant reading of JSON objects: absent and null are the zero value, a wrong type is an error with the field's path.
#pragma once
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/invalid.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

// One JSON object being read. The first error of the whole document is kept in the root's `problem`; after it every
// further read gives zero values, so that a reader looks at the error once, at its end. Borrows the JSON value, the
// problem and the parent.
class JsonFields {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  JsonFields(const boost::json::value& root, std::optional<Invalid>& problem);

  // The member as it is; null when absent or null.
  const boost::json::value* value(std::string_view name) const { return find(name); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // A problem that the reader found: of the member, or (with "") of this object.
  void wrong(std::string_view name, std::string_view problem) const;
  // Texts longer than `most` bytes are an error: what anybody may write must not fill our memory.
  std::string text(std::string_view name, std::size_t most = kNoLimit) const;
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const;
  std::int32_t int32(std::string_view name) const;
  std::optional<std::int32_t> optional_int32(std::string_view name) const;
  // An object whose values are strings; null values are left out.
  StringMap strings(std::string_view name, std::size_t most_items = kNoLimit, std::size_t most = kNoLimit) const;
  // A list of strings; null items are left out.
  std::vector<std::string> list(std::string_view name, std::size_t most_items = kNoLimit,
                                std::size_t most = kNoLimit) const;
  // A list of whole numbers; null items are left out.
  std::vector<std::int64_t> integers(std::string_view name, std::size_t most_items = kNoLimit) const;
  // The members that are not in `known`; an error where they are more than `most` bytes of JSON.
  boost::json::object others(std::initializer_list<std::string_view> known, std::size_t most = kNoLimit) const;
  // The member as an object; an empty one when absent.
  JsonFields object(std::string_view name [[clang::lifetimebound]]) const [[clang::lifetimebound]];
  // Calls `read` for each item of a list of objects; null items are left out.
  void each(std::string_view name, const std::function<void(const JsonFields&)>& read) const;

 private:
  JsonFields(const boost::json::object* object, const JsonFields* parent, std::string_view name,
             std::optional<std::size_t> index, std::optional<Invalid>& problem);
  const boost::json::value* find(std::string_view name) const;
  // Null where there is none; what is no list, or has too many items, is the problem of the field.
  const boost::json::array* array(std::string_view name, std::size_t most_items) const;
  std::string path(std::string_view name) const;
  void report(std::string_view field, std::string_view expected, const boost::json::value& found) const;
  // Whether `size` is within `most`; else that is the problem of the field.
  bool fits(std::string_view field, std::size_t size, std::size_t most, std::string_view unit) const;

  const boost::json::object* object_ = nullptr;
  const JsonFields* parent_ = nullptr;
  std::string_view name_;
  std::optional<std::size_t> index_;  // position in the list `name_`
  std::optional<Invalid>& problem_;
};

// What kind of JSON value it is, with its article: "a string", "null".
std::string_view kind_of(const boost::json::value& value);

}  // namespace podid::core
