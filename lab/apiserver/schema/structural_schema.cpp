// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/structural_schema.hpp"

#include <fmt/format.h>

#include <optional>

#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/schema/schema_words.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

bool is_object_meta_member(std::string_view name) {
  return name == "apiVersion" || name == "kind" || name == "metadata";
}

class Pruner {
 public:
  void visit(json::value& value, const json::value& schema, const std::string& path, bool is_root) {
    if (json::array* list = value.if_array()) {
      const json::value* items = find_path(schema, {"items"});
      for (std::size_t i = 0; items != nullptr && i < list->size(); ++i) {
        visit((*list)[i], *items, fmt::format("{}[{}]", path, i), false);
      }
      return;
    }
    json::object* object = value.if_object();
    if (object == nullptr) return;
    const bool whole = is_root || schema_flag(schema, kEmbeddedResource);
    const bool keep_unknown = schema_flag(schema, kPreserveUnknown);
    const json::value* properties = find_path(schema, {"properties"});
    const json::value* additional = find_path(schema, {"additionalProperties"});
    std::vector<std::string> drop;
    for (auto& member : *object) {
      const std::string_view name = member.key();
      const std::string at = path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
      if (whole && is_object_meta_member(name)) {
        if (!is_root && name == "metadata") shape_embedded(member.value(), at);
        continue;
      }
      const json::value* property = properties == nullptr ? nullptr : find_path(*properties, {name});
      if (property != nullptr && member.value().is_null() && !schema_flag(*property, "nullable") &&
          find_path(*property, {"default"}) == nullptr) {
        drop.emplace_back(name);  // known, so not reported
      } else if (property != nullptr) {
        visit(member.value(), *property, at, false);
      } else if (additional != nullptr && additional->is_object()) {
        visit(member.value(), *additional, at, false);
      } else if (!keep_unknown && !(additional != nullptr && *additional == true)) {
        drop.emplace_back(name);
        removed.push_back(at);
      }
    }
    for (const std::string& name : drop) erase_member(*object, name);
  }

  std::vector<std::string> removed;
  std::optional<ApiStatus> refusal;

 private:
  void shape_embedded(json::value& metadata, const std::string& path) {
    if (!metadata.is_object() || refusal) return;
    const std::string shown = json::serialize(metadata);
    auto shaped = shape_metadata(metadata.get_object(), path, removed);
    if (!shaped) refusal = bad_request(fmt::format("{}: Invalid value: {}: {}", path, shown, shaped.error().message));
  }
};

}  // namespace

bool schema_flag(const json::value& schema, std::string_view name) {
  const json::value* flag = find_path(schema, {name});
  return flag != nullptr && *flag == true;
}

Answer<std::vector<std::string>> prune(json::value& object, const json::value& schema) {
  Pruner pruner;
  pruner.visit(object, schema, "", true);
  if (pruner.refusal) return std::unexpected(std::move(*pruner.refusal));
  return std::move(pruner.removed);
}

void apply_defaults(json::value& value, const json::value& schema) {
  if (json::array* list = value.if_array()) {
    const json::value* items = find_path(schema, {"items"});
    for (std::size_t i = 0; items != nullptr && i < list->size(); ++i) apply_defaults((*list)[i], *items);
    return;
  }
  json::object* object = value.if_object();
  if (object == nullptr) return;
  const json::value* properties = find_path(schema, {"properties"});
  if (properties != nullptr && properties->is_object()) {
    for (const auto& property : properties->get_object()) {
      json::value* member = object->if_contains(property.key());
      const json::value* fallback = find_path(property.value(), {"default"});
      const bool null = member != nullptr && member->is_null() && !schema_flag(property.value(), "nullable");
      if (fallback != nullptr && (member == nullptr || null)) {
        (*object)[property.key()] = *fallback;
        member = object->if_contains(property.key());
      }
      if (member != nullptr) apply_defaults(*member, property.value());
    }
  }
  const json::value* additional = find_path(schema, {"additionalProperties"});
  if (additional == nullptr || !additional->is_object()) return;
  for (auto& member : *object) {
    if (properties != nullptr && find_path(*properties, {std::string_view(member.key())}) != nullptr) continue;
    apply_defaults(member.value(), *additional);
  }
}

void check_structural(const json::value& schema, const std::string& path, std::vector<StatusCause>& causes) {
  if (!schema.is_object()) {
    causes.push_back(invalid_value(path, shown_value(schema), "must be an object"));
    return;
  }
  if (text_at(schema, {"type"}).empty() && !schema_flag(schema, kIntOrString) &&
      !schema_flag(schema, kPreserveUnknown)) {
    causes.push_back(required_value(path + ".type", "must not be empty for specified object fields"));
  }
  const std::string_view type = text_at(schema, {"type"});
  if (type == "array" && find_path(schema, {"items"}) == nullptr) {
    causes.push_back(required_value(path + ".items", "must be specified"));
  }
  if (const json::value* items = find_path(schema, {"items"})) check_structural(*items, path + ".items", causes);
  const json::value* properties = find_path(schema, {"properties"});
  if (properties != nullptr && properties->is_object()) {
    for (const auto& property : properties->get_object()) {
      check_structural(property.value(), fmt::format("{}.properties[{}]", path, property.key()), causes);
    }
  }
  const json::value* additional = find_path(schema, {"additionalProperties"});
  if (additional != nullptr && additional->is_object()) {
    check_structural(*additional, path + ".additionalProperties", causes);
  }
}

}  // namespace podid::lab::apiserver
