// SPDX-License-Identifier: Apache-2.0
// Reads the members of one JSON object of a configuration and remembers the first thing that is wrong, with its path.
#pragma once
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::lab::azure {

// Absent members leave the target as it is. `problem` is shared by nested readers; only its first writer counts.
class JsonFields {
 public:
  JsonFields(const boost::json::value& value, std::string path, std::string& problem);

  // For members whose reading needs more than the functions below; null when absent.
  const boost::json::value* find(std::string_view name);
  void read(std::string_view name, std::string& target);
  void read(std::string_view name, bool& target);
  void read(std::string_view name, std::int64_t& target, std::int64_t minimum, std::int64_t maximum);
  void read(std::string_view name, std::chrono::milliseconds& target);
  void read(std::string_view name, std::chrono::seconds& target);

  // Calls read_one(key, value, path) for each member of the object, or read_one(value, path) for each array element.
  template <class ReadOne>
  void read_object(std::string_view name, ReadOne read_one) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return complain(name, "expected an object");
    for (const auto& [key, member] : value->get_object()) {
      read_one(std::string(key), member, path_of(name) + "." + std::string(key));
    }
  }
  template <class ReadOne>
  void read_array(std::string_view name, ReadOne read_one) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return complain(name, "expected an array");
    std::size_t index = 0;
    for (const boost::json::value& element : value->get_array()) {
      read_one(element, path_of(name) + "[" + std::to_string(index++) + "]");
    }
  }
  // Elements that are texts.
  template <class Insert>
  void read_texts(std::string_view name, Insert insert) {
    read_array(name, [&](const boost::json::value& element, const std::string& where) {
      if (element.is_string()) {
        insert(std::string(element.get_string()));
      } else {
        complain_at(where, "expected a text");
      }
    });
  }

  void complain(std::string_view name, std::string_view what) { complain_at(path_of(name), what); }
  void complain_at(std::string_view path, std::string_view what);
  // Members that nothing has asked for are typing errors.
  void refuse_unknown();

 private:
  std::string path_of(std::string_view name) const;

  const boost::json::object* object_ = nullptr;
  std::string path_;
  std::string& problem_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace podid::lab::azure
