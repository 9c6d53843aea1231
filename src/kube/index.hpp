// SPDX-License-Identifier: Apache-2.0
// A second way to find the objects of an Informer: by values that a function reads from each.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace podid::kube {

// Maintained by its Informer (see Informer::add_index), read by everyone on the same thread.
template <class T>
class Index {
 public:
  using Object = std::shared_ptr<const T>;
  // The values under which an object is found; none hides it from the index. Must depend on nothing but the object.
  using ValuesOf = std::function<std::vector<std::string>(const T&)>;

  explicit Index(ValuesOf values_of) : values_of_(std::move(values_of)) {}

  // In no particular order; valid until the informer's next change.
  const std::vector<Object>& find(const std::string& value) const {
    static const std::vector<Object> kNone;
    const auto found = by_value_.find(value);
    return found == by_value_.end() ? kNone : found->second;
  }

  void insert(const Object& object) {
    for (std::string& value : values_of_(*object)) by_value_[std::move(value)].push_back(object);
  }

  void erase(const Object& object) {
    for (const std::string& value : values_of_(*object)) {
      const auto found = by_value_.find(value);
      if (found == by_value_.end()) continue;
      std::erase(found->second, object);
      if (found->second.empty()) by_value_.erase(found);
    }
  }

 private:
  ValuesOf values_of_;
  std::unordered_map<std::string, std::vector<Object>> by_value_;
};

}  // namespace podid::kube
