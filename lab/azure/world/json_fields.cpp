// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/json_fields.hpp"

#include <fmt/format.h>

namespace podid::lab::azure {

namespace json = boost::json;

JsonFields::JsonFields(const json::value& value, std::string path, std::string& problem)
    : object_(value.if_object()), path_(std::move(path)), problem_(problem) {
  if (object_ == nullptr) complain_at(path_.empty() ? "the document" : path_, "expected an object");
}

const json::value* JsonFields::find(std::string_view name) {
  known_.emplace(name);
  return object_ == nullptr ? nullptr : object_->if_contains(name);
}

void JsonFields::read(std::string_view name, std::string& target) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_string()) return complain(name, "expected a text");
  target = value->get_string().c_str();
}

void JsonFields::read(std::string_view name, bool& target) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_bool()) return complain(name, "expected true or false");
  target = value->get_bool();
}

void JsonFields::read(std::string_view name, std::int64_t& target, std::int64_t minimum, std::int64_t maximum) {
  const json::value* value = find(name);
  if (value == nullptr) return;
  boost::system::error_code error;
  const auto number = value->to_number<std::int64_t>(error);
  if (error || number < minimum || number > maximum) {
    return complain(name, fmt::format("expected a number from {} to {}", minimum, maximum));
  }
  target = number;
}

void JsonFields::read(std::string_view name, std::chrono::milliseconds& target) {
  std::int64_t count = target.count();
  read(name, count, 0, std::chrono::milliseconds(std::chrono::hours(24 * 365)).count());
  target = std::chrono::milliseconds(count);
}

void JsonFields::read(std::string_view name, std::chrono::seconds& target) {
  std::int64_t count = target.count();
  read(name, count, 0, std::chrono::seconds(std::chrono::hours(24 * 365)).count());
  target = std::chrono::seconds(count);
}

void JsonFields::complain_at(std::string_view path, std::string_view what) {
  if (problem_.empty()) problem_ = fmt::format("{}: {}", path, what);
}

void JsonFields::refuse_unknown() {
  if (object_ == nullptr) return;
  for (const auto& [name, value] : *object_) {
    if (!known_.contains(std::string_view(name))) complain(name, "there is no such member");
  }
}

std::string JsonFields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

}  // namespace podid::lab::azure
