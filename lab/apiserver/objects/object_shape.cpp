// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/objects/object_shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "lab/apiserver/objects/kind_rules.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/schema/structural_schema.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

// A null member of a built-in object is an absent one, as for Go's decoder.
void drop_nulls(json::value& value) {
  if (json::array* list = value.if_array()) {
    for (json::value& item : *list) drop_nulls(item);
  }
  json::object* object = value.if_object();
  if (object == nullptr) return;
  std::vector<std::string> nulls;
  for (auto& member : *object) {
    if (member.value().is_null()) {
      nulls.emplace_back(member.key());
    } else {
      drop_nulls(member.value());
    }
  }
  for (const std::string& name : nulls) erase_member(*object, name);
}

ApiStatus cannot_handle(const Resource& resource, std::string_view problem) {
  return bad_request(fmt::format("{} in version \"{}\" cannot be handled as a {}: {}", resource.kind, resource.version,
                                 resource.kind, problem));
}

Answer<> check_type(const Resource& resource, const json::value& body) {
  const std::string_view api_version = text_at(body, {"apiVersion"});
  const std::string_view kind = text_at(body, {"kind"});
  if (resource.custom && kind.empty()) {
    return std::unexpected(
        bad_request(fmt::format("Object 'Kind' is missing in {}", base::go_quote(json::serialize(body)))));
  }
  if (!api_version.empty() && api_version != resource.api_version()) {
    return std::unexpected(
        bad_request(fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                                api_version, resource.api_version())));
  }
  if (!kind.empty() && kind != resource.kind && resource.custom) {
    return std::unexpected(
        invalid({.group = resource.group, .plural = resource.plural, .kind = std::string(kind)},
                text_at(body, {"metadata", "name"}),
                {invalid_value("kind", base::go_quote(kind), fmt::format("must be {}", resource.kind))}));
  }
  if (!kind.empty() && kind != resource.kind) {
    return std::unexpected(
        bad_request(fmt::format("{} in version \"{}\" cannot be handled as a {}: the kind does not match", kind,
                                resource.version, resource.kind)));
  }
  return {};
}

Answer<> check_namespace(const Resource& resource, std::string_view ns, json::object& metadata) {
  const json::value* given = metadata.if_contains("namespace");
  if (given != nullptr && std::string_view(given->get_string()) != ns) {
    return std::unexpected(
        bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  }
  if (resource.namespaced) metadata["namespace"] = ns;
  return {};
}

json::object in_canonical_order(const Resource& resource, json::object metadata, json::object body) {
  json::object out{{"apiVersion", resource.api_version()}, {"kind", resource.kind}, {"metadata", std::move(metadata)}};
  for (auto& member : body) {
    if (!out.contains(member.key())) out[member.key()] = std::move(member.value());
  }
  return out;
}

// The kind "Pod" decodes into Go types, where a wrong type is a malformed request rather than an invalid
// object.
Answer<> check_builtin_types(const Resource& resource, const json::value& object) {
  std::vector<StatusCause> causes;
  validate(object, resource.schema, causes);
  for (const StatusCause& cause : causes) {
    if (cause.reason == "FieldValueTypeInvalid") {
      return std::unexpected(cannot_handle(resource, fmt::format("{}: {}", cause.field, cause.message)));
    }
  }
  return {};
}

}  // namespace

Answer<ShapedObject> shape_object(const Resource& resource, std::string_view ns, json::value body,
                                  FieldValidation field_validation) {
  if (!body.is_object()) {
    return std::unexpected(cannot_handle(
        resource, fmt::format("json: cannot unmarshal {} into Go value of type {}", type_name(body), resource.kind)));
  }
  auto type_fits = check_type(resource, body);
  if (!type_fits) return std::unexpected(std::move(type_fits.error()));
  const bool is_crd = resource.plural == "customresourcedefinitions" && !resource.custom;
  if (!resource.custom && !is_crd) drop_nulls(body);

  json::object metadata;
  if (json::value* given = find_path(body, {"metadata"}); given != nullptr && !given->is_null()) {
    if (!given->is_object()) {
      return std::unexpected(cannot_handle(
          resource, fmt::format("json: cannot unmarshal {} into Go struct field {}.metadata of type v1.ObjectMeta",
                                type_name(*given), resource.kind)));
    }
    metadata = given->get_object();
  }
  std::vector<std::string> unknown;
  auto metadata_fits = shape_metadata(metadata, "metadata", unknown);
  if (!metadata_fits) return std::unexpected(cannot_handle(resource, metadata_fits.error().message));
  auto namespace_fits = check_namespace(resource, ns, metadata);
  if (!namespace_fits) return std::unexpected(std::move(namespace_fits.error()));

  if (resource.schema.is_object()) {
    const auto pruned = prune(body, resource.schema);
    if (!pruned) return std::unexpected(cannot_handle(resource, pruned.error().message));
    unknown.insert(unknown.end(), pruned->begin(), pruned->end());
  }
  std::vector<std::string> texts;
  for (const std::string& path : unknown) texts.push_back(fmt::format("unknown field {}", base::go_quote(path)));
  if (field_validation == FieldValidation::strict && !texts.empty()) {
    return std::unexpected(cannot_handle(resource, fmt::format("strict decoding error: {}", fmt::join(texts, ", "))));
  }
  if (field_validation == FieldValidation::ignore) texts.clear();

  json::value shaped = in_canonical_order(resource, std::move(metadata), std::move(body.get_object()));
  if (!resource.custom) {
    auto types_fit = check_builtin_types(resource, shaped);
    if (!types_fit) return std::unexpected(std::move(types_fit.error()));
  }
  return ShapedObject{.object = std::move(shaped.get_object()), .warnings = std::move(texts)};
}

Answer<> validate_object(const Resource& resource, const json::value& object) {
  std::vector<StatusCause> causes;
  validate_metadata(
      object.get_object().at("metadata").get_object(),
      [](std::string_view) -> std::optional<std::string> { return std::nullopt; }, "metadata", causes);
  const std::string_view name = text_at(object, {"metadata", "name"});
  if (!name.empty()) {
    if (const auto problem = object_name_problem(resource, name)) {
      causes.insert(causes.begin(), invalid_value("metadata.name", base::go_quote(name), *problem));
    }
  }
  if (resource.schema.is_object()) validate(object, resource.schema, causes);
  validate_kind(resource, object, causes);
  if (causes.empty()) return {};
  return std::unexpected(invalid(resource.subject(), name, std::move(causes)));
}

}  // namespace podid::lab::apiserver
