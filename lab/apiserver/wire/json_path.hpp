// SPDX-License-Identifier: Apache-2.0
// The JSONPath of printer columns and selectable fields. Pure.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

class JsonPath {
 public:
  // ".spec.type", ".metadata.labels.a\.b", "['a.b']", "[0]", "[-1]", "[*]", "[?(@.type=="Ready")]" and chains
  // of them, with or without a leading '$'. Nothing for anything else (slices, unions, recursive descent,
  // scripts).
  static std::optional<JsonPath> parse(std::string_view text);

  // The values found, in document order; valid as long as `value`.
  std::vector<const boost::json::value*> find(const boost::json::value& value) const;

 private:
  struct Step {
    enum class Kind { member, index, all, filter };
    Kind kind = Kind::member;
    std::string name = {};  // of a member, or of the filter's member (steps parted by '.')
    std::int64_t index = 0;
    boost::json::value wanted = {};  // of a filter
    bool equal = true;
  };

  static std::optional<Step> parse_bracket(std::string_view inside);
  static std::optional<Step> parse_filter(std::string_view inside);
  static void walk(const boost::json::value& value, const Step& step, std::vector<const boost::json::value*>& out);

  std::vector<Step> steps_;
};

}  // namespace podid::lab::apiserver
