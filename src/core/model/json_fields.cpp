// SPDX-License-Identifier: Apache-2.0
#include "core/model/json_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace podid::core {

namespace json = boost::json;

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

JsonFields::JsonFields(const json::value& root, std::optional<Invalid>& problem)
    : object_(root.if_object()), problem_(problem) {
  if (object_ == nullptr) problem_ = Invalid{"", fmt::format("expected an object, found {}", kind_of(root))};
}

JsonFields::JsonFields(const json::object* object, const JsonFields* parent, std::string_view name,
                       std::optional<std::size_t> index, std::optional<Invalid>& problem)
    : object_(object), parent_(parent), name_(name), index_(index), problem_(problem) {}

const json::value* JsonFields::find(std::string_view name) const {
  if (object_ == nullptr || problem_) return nullptr;
  const json::value* value = object_->if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string JsonFields::path(std::string_view name) const {
  if (parent_ == nullptr) return std::string(name);
  std::string text = parent_->path(name_);
  if (index_) text += fmt::format("[{}]", *index_);
  if (!name.empty()) text += '.';
  text += name;
  return text;
}

void JsonFields::report(std::string_view field, std::string_view expected, const json::value& found) const {
  problem_ = Invalid{path(field), fmt::format("expected {}, found {}", expected, kind_of(found))};
}

void JsonFields::wrong(std::string_view name, std::string_view problem) const {
  if (!problem_) problem_ = Invalid{path(name), std::string(problem)};
}

bool JsonFields::fits(std::string_view field, std::size_t size, std::size_t most, std::string_view unit) const {
  if (size <= most) return true;
  problem_ = Invalid{path(field), fmt::format("expected at most {} {}, found {}", most, unit, size)};
  return false;
}

std::string JsonFields::text(std::string_view name, std::size_t most) const {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  if (const json::string* string = value->if_string()) {
    if (!fits(name, string->size(), most, "bytes")) return {};
    return std::string(string->data(), string->size());
  }
  report(name, "a string", *value);
  return {};
}

bool JsonFields::boolean(std::string_view name) const {
  const json::value* value = find(name);
  if (value == nullptr) return false;
  if (const bool* flag = value->if_bool()) return *flag;
  report(name, "a boolean", *value);
  return false;
}

std::int64_t JsonFields::integer(std::string_view name, std::int64_t minimum, std::int64_t maximum) const {
  const json::value* value = find(name);
  if (value == nullptr) return 0;
  const std::int64_t* number = value->if_int64();
  if (number == nullptr) {
    report(name, "a whole number", *value);
    return 0;
  }
  if (*number < minimum || *number > maximum) {
    problem_ =
        Invalid{path(name), fmt::format("expected a whole number from {} to {}, found {}", minimum, maximum, *number)};
    return 0;
  }
  return *number;
}

std::int32_t JsonFields::int32(std::string_view name) const {
  return static_cast<std::int32_t>(
      integer(name, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
}

std::optional<std::int32_t> JsonFields::optional_int32(std::string_view name) const {
  if (find(name) == nullptr) return std::nullopt;
  return int32(name);
}

StringMap JsonFields::strings(std::string_view name, std::size_t most_items, std::size_t most) const {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  const json::object* members = value->if_object();
  if (members == nullptr) {
    report(name, "an object", *value);
    return {};
  }
  if (!fits(name, members->size(), most_items, "members")) return {};
  StringMap map;
  for (const auto& [key, item] : *members) {
    if (item.is_null()) continue;
    const json::string* string = item.if_string();
    if (string == nullptr) {
      JsonFields(nullptr, this, name, std::nullopt, problem_).report(key, "a string", item);
      return {};
    }
    if (!fits(name, std::max(key.size(), string->size()), most, "bytes in a member")) return {};
    map.emplace(std::string(key), std::string(string->data(), string->size()));
  }
  return map;
}

const json::array* JsonFields::array(std::string_view name, std::size_t most_items) const {
  const json::value* value = find(name);
  if (value == nullptr) return nullptr;
  const json::array* items = value->if_array();
  if (items == nullptr) {
    report(name, "a list", *value);
    return nullptr;
  }
  return fits(name, items->size(), most_items, "items") ? items : nullptr;
}

std::vector<std::string> JsonFields::list(std::string_view name, std::size_t most_items, std::size_t most) const {
  const json::array* items = array(name, most_items);
  if (items == nullptr) return {};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const json::value& item = (*items)[i];
    if (item.is_null()) continue;
    const json::string* string = item.if_string();
    if (string == nullptr) {
      JsonFields(nullptr, this, name, i, problem_).report("", "a string", item);
      return {};
    }
    if (!JsonFields(nullptr, this, name, i, problem_).fits("", string->size(), most, "bytes")) return {};
    texts.emplace_back(string->data(), string->size());
  }
  return texts;
}

std::vector<std::int64_t> JsonFields::integers(std::string_view name, std::size_t most_items) const {
  const json::array* items = array(name, most_items);
  if (items == nullptr) return {};
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const json::value& item = (*items)[i];
    if (item.is_null()) continue;
    const std::int64_t* number = item.if_int64();
    if (number == nullptr) {
      JsonFields(nullptr, this, name, i, problem_).report("", "a whole number", item);
      return {};
    }
    numbers.push_back(*number);
  }
  return numbers;
}

json::object JsonFields::others(std::initializer_list<std::string_view> known, std::size_t most) const {
  json::object rest;
  if (object_ == nullptr) return rest;
  for (const auto& [key, value] : *object_) {
    if (std::ranges::find(known, std::string_view(key)) == known.end()) rest.emplace(key, value);
  }
  if (most != kNoLimit && !rest.empty() && !fits("", json::serialize(rest).size(), most, "bytes of unknown members")) {
    return {};
  }
  return rest;
}

JsonFields JsonFields::object(std::string_view name) const {
  const json::value* value = find(name);
  const json::object* object = value == nullptr ? nullptr : value->if_object();
  if (value != nullptr && object == nullptr) report(name, "an object", *value);
  return {object, this, name, std::nullopt, problem_};
}

void JsonFields::each(std::string_view name, const std::function<void(const JsonFields&)>& read) const {
  const json::array* items = array(name, kNoLimit);
  if (items == nullptr) return;
  for (std::size_t i = 0; i < items->size() && !problem_; ++i) {
    const json::value& item = (*items)[i];
    if (item.is_null()) continue;
    const JsonFields fields(item.if_object(), this, name, i, problem_);
    if (!item.is_object()) {
      fields.report("", "an object", item);
      return;
    }
    read(fields);
  }
}

}  // namespace podid::core
