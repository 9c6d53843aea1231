// SPDX-License-Identifier: Apache-2.0
// validate() of structural_schema.hpp. Apart from the rest because of the regular expressions.
#include <fmt/format.h>

#include <boost/regex.hpp>
#include <cmath>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/schema/schema_words.hpp"
#include "lab/apiserver/schema/structural_schema.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

// A pattern that cannot be read, or that takes too long on this text, does not match.
bool matches_pattern(std::string_view text, std::string_view pattern) {
  try {
    const boost::regex expression(pattern.begin(), pattern.end());
    return boost::regex_search(text.begin(), text.end(), expression);
  } catch (const std::exception&) {
    return false;
  }
}

// UTF-8 characters, as maxLength counts them.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

class Validator {
 public:
  explicit Validator(std::vector<StatusCause>& causes) : causes_(causes) {}

  void visit(const json::value& value, const json::value& schema, const std::string& path, bool is_root) {
    if (value.is_null() && schema_flag(schema, "nullable")) return;
    if (!check_type(value, schema, path)) return;
    check_enum(value, schema, path);
    if (value.is_string()) check_text(value.get_string(), schema, path);
    if (value.is_number()) check_number(value, schema, path);
    if (value.is_array()) visit_list(value.get_array(), schema, path);
    if (value.is_object()) visit_object(value, schema, path, is_root);
  }

 private:
  bool check_type(const json::value& value, const json::value& schema, const std::string& path) {
    const std::string_view actual = type_name(value);
    if (schema_flag(schema, kIntOrString)) {
      if (actual == "integer" || actual == "string") return true;
      refuse_type(value, path, "integer,string");
      return false;
    }
    const std::string_view wanted = text_at(schema, {"type"});
    if (wanted.empty() || wanted == actual || (wanted == "number" && actual == "integer")) return true;
    refuse_type(value, path, wanted);
    return false;
  }

  void refuse_type(const json::value& value, const std::string& path, std::string_view wanted) {
    // The real server shows the type of the value in its place.
    const std::string shown = base::go_quote(type_name(value));
    causes_.push_back(type_invalid(path, shown, fmt::format("{} in body must be of type {}: {}", path, wanted, shown)));
  }

  void refuse(const json::value& value, const std::string& path, std::string_view rule) {
    causes_.push_back(invalid_value(path, shown_value(value), fmt::format("{} in body {}", path, rule)));
  }

  void check_enum(const json::value& value, const json::value& schema, const std::string& path) {
    const json::value* allowed = find_path(schema, {"enum"});
    if (allowed == nullptr || !allowed->is_array()) return;
    std::vector<std::string> shown;
    for (const json::value& candidate : allowed->get_array()) {
      if (same_json(candidate, value)) return;
      shown.push_back(shown_value(candidate));
    }
    causes_.push_back(unsupported_value(path, shown_value(value), shown));
  }

  void check_text(std::string_view text, const json::value& schema, const std::string& path) {
    const json::value value(text);
    if (const auto max = bound(schema, "maxLength"); max && length_of(text) > *max) {
      causes_.push_back(too_long(path, static_cast<std::size_t>(*max)));
    }
    if (const auto min = bound(schema, "minLength"); min && length_of(text) < *min) {
      refuse(value, path, fmt::format("should be at least {} chars long", *min));
    }
    if (const std::string_view pattern = text_at(schema, {"pattern"});
        !pattern.empty() && !matches_pattern(text, pattern)) {
      refuse(value, path, fmt::format("should match '{}'", pattern));
    }
    if (text_at(schema, {"format"}) == "date-time" && !base::parse_rfc3339(text)) {
      causes_.push_back(type_invalid(
          path, shown_value(value), fmt::format("{} in body must be of type date-time: {}", path, shown_value(value))));
    }
    if (text_at(schema, {"format"}) == "byte" && !base::base64_decode(text)) {
      causes_.push_back(type_invalid(path, shown_value(value), "illegal base64 data"));
    }
  }

  void check_number(const json::value& value, const json::value& schema, const std::string& path) {
    const double number = value.to_number<double>();
    const json::value* max = find_path(schema, {"maximum"});
    if (max != nullptr && max->is_number()) {
      const bool open = schema_flag(schema, "exclusiveMaximum");
      const double edge = max->to_number<double>();
      if (open ? number >= edge : number > edge) {
        refuse(value, path, fmt::format("should be less than {}{}", open ? "" : "or equal to ", json::serialize(*max)));
      }
    }
    const json::value* min = find_path(schema, {"minimum"});
    if (min != nullptr && min->is_number()) {
      const bool open = schema_flag(schema, "exclusiveMinimum");
      const double edge = min->to_number<double>();
      if (open ? number <= edge : number < edge) {
        refuse(value, path,
               fmt::format("should be greater than {}{}", open ? "" : "or equal to ", json::serialize(*min)));
      }
    }
    const json::value* step = find_path(schema, {"multipleOf"});
    if (step != nullptr && step->is_number() && std::remainder(number, step->to_number<double>()) != 0) {
      refuse(value, path, fmt::format("should be a multiple of {}", json::serialize(*step)));
    }
  }

  void visit_list(const json::array& list, const json::value& schema, const std::string& path) {
    if (const auto max = bound(schema, "maxItems"); max && list.size() > *max) {
      causes_.push_back(too_many(path, list.size(), static_cast<std::size_t>(*max)));
    }
    if (const auto min = bound(schema, "minItems"); min && list.size() < *min) {
      refuse(json::value(list.size()), path, fmt::format("should have at least {} items", *min));
    }
    check_unique(list, schema, path);
    const json::value* items = find_path(schema, {"items"});
    for (std::size_t i = 0; items != nullptr && i < list.size(); ++i) {
      visit(list[i], *items, fmt::format("{}[{}]", path, i), false);
    }
  }

  void check_unique(const json::array& list, const json::value& schema, const std::string& path) {
    const std::string_view list_type = text_at(schema, {kListType});
    if (list_type != "set" && list_type != "map") return;
    const json::value* keys = find_path(schema, {kListMapKeys});
    const auto identity = [&](const json::value& item) {
      if (list_type == "set" || keys == nullptr || !keys->is_array() || !item.is_object()) return item;
      json::object key;
      for (const json::value& name : keys->get_array()) {
        if (!name.is_string()) continue;
        const json::value* member = item.get_object().if_contains(name.get_string());
        if (member != nullptr) key[name.get_string()] = *member;
      }
      return json::value(std::move(key));
    };
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (!same_json(identity(list[i]), identity(list[k]))) continue;
        causes_.push_back(duplicate_value(fmt::format("{}[{}]", path, i), shown_value(identity(list[i]))));
        break;
      }
    }
  }

  void visit_object(const json::value& value, const json::value& schema, const std::string& path, bool is_root) {
    const json::object& object = value.get_object();
    const auto at = [&](std::string_view name) {
      return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
    };
    if (const json::value* required = find_path(schema, {"required"}); required != nullptr && required->is_array()) {
      for (const json::value& name : required->get_array()) {
        if (name.is_string() && !object.contains(name.get_string())) {
          causes_.push_back(required_value(at(name.get_string())));
        }
      }
    }
    if (const auto max = bound(schema, "maxProperties"); max && object.size() > *max) {
      causes_.push_back(too_many(path, object.size(), static_cast<std::size_t>(*max)));
    }
    const bool whole = is_root || schema_flag(schema, kEmbeddedResource);
    if (whole && !is_root) visit_embedded(object, path);
    const json::value* properties = find_path(schema, {"properties"});
    const json::value* additional = find_path(schema, {"additionalProperties"});
    for (const auto& member : object) {
      const std::string_view name = member.key();
      if (whole && name == "metadata") continue;
      const json::value* property = properties == nullptr ? nullptr : find_path(*properties, {name});
      if (property == nullptr && additional != nullptr && additional->is_object()) property = additional;
      if (property != nullptr) visit(member.value(), *property, at(name), false);
    }
  }

  // apiVersion and kind are required in an embedded object, metadata is not.
  void visit_embedded(const json::object& object, const std::string& path) {
    for (const std::string_view name : {"apiVersion", "kind"}) {
      const json::value* member = object.if_contains(name);
      const std::string at = fmt::format("{}.{}", path, name);
      if (member == nullptr) {
        causes_.push_back(required_value(at));
      } else if (!member->is_string()) {
        causes_.push_back(invalid_value(at, shown_value(*member), "must be a string"));
      } else if (member->get_string().empty()) {
        causes_.push_back(invalid_value(at, "\"\"", "must not be empty"));
      }
    }
    const json::value* metadata = object.if_contains("metadata");
    if (metadata == nullptr || metadata->is_null()) return;
    const std::string at = path + ".metadata";
    if (!metadata->is_object()) {
      causes_.push_back(type_invalid(at, shown_value(*metadata), "must be an object"));
      return;
    }
    json::object shaped = metadata->get_object();              // of a right shape: prune() has seen it
    if (!shaped.contains("name")) shaped["name"] = "unnamed";  // an embedded object needs none
    validate_metadata(shaped, path_segment_problem, at, causes_);
  }

  static std::optional<std::uint64_t> bound(const json::value& schema, std::string_view name) {
    const json::value* value = find_path(schema, {name});
    const auto number = value == nullptr ? std::nullopt : as_integer(*value);
    if (!number || *number < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
  }

  std::vector<StatusCause>& causes_;
};

}  // namespace

void validate(const json::value& object, const json::value& schema, std::vector<StatusCause>& causes) {
  Validator(causes).visit(object, schema, "", true);
}

}  // namespace podid::lab::apiserver
