// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/crd.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/schema/structural_schema.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::string_view kApproval = "api-approved.kubernetes.io";

template <class Json>
const json::array& list_at(const Json& value, std::initializer_list<std::string_view> path) {
  static const json::array none;
  const json::value* found = find_path(value, path);
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

std::vector<std::string> texts_at(const json::value& value, std::initializer_list<std::string_view> path) {
  std::vector<std::string> out;
  for (const json::value& item : list_at(value, path)) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

bool flag_at(const json::value& value, std::string_view name) {
  const json::value* flag = find_path(value, {name});
  return flag != nullptr && *flag == true;
}

// Of a CRD as a value or as an object.
template <class Json>
const json::value* storage_version(const Json& crd) {
  for (const json::value& version : list_at(crd, {"spec", "versions"})) {
    if (flag_at(version, "storage")) return &version;
  }
  return nullptr;
}

bool is_protected_group(std::string_view group) {
  return group == "k8s.io" || group == "kubernetes.io" || group.ends_with(".k8s.io") ||
         group.ends_with(".kubernetes.io");
}

void require_text(const json::value& crd, std::initializer_list<std::string_view> path, std::string field,
                  std::vector<StatusCause>& causes) {
  if (text_at(crd, path).empty()) causes.push_back(required_value(std::move(field)));
}

void validate_version(const json::value& version, const std::string& at, std::vector<StatusCause>& causes) {
  const std::string_view name = text_at(version, {"name"});
  if (const auto problem = dns_label_problem(name)) {
    causes.push_back(invalid_value(at + ".name", base::go_quote(name), *problem));
  }
  const json::value* schema = find_path(version, {"schema", "openAPIV3Schema"});
  const std::string schema_at = at + ".schema.openAPIV3Schema";
  if (schema == nullptr) {
    causes.push_back(required_value(schema_at, "schemas are required"));
  } else if (text_at(*schema, {"type"}) != "object") {
    causes.push_back(
        invalid_value(schema_at + ".type", base::go_quote(text_at(*schema, {"type"})), "must be object at the root"));
  } else {
    check_structural(*schema, schema_at, causes);
  }
  std::size_t index = 0;
  for (const json::value& column : list_at(version, {"additionalPrinterColumns"})) {
    const std::string column_at = fmt::format("{}.additionalPrinterColumns[{}]", at, index++);
    for (const std::string_view member : {"name", "type", "jsonPath"}) {
      if (text_at(column, {member}).empty()) causes.push_back(required_value(fmt::format("{}.{}", column_at, member)));
    }
    const std::string_view path = text_at(column, {"jsonPath"});
    if (!path.empty() && !JsonPath::parse(path)) {
      causes.push_back(invalid_value(column_at + ".jsonPath", base::go_quote(path), "is an invalid JSONPath"));
    }
  }
}

json::object condition(std::string_view type, std::string_view reason, std::string_view message, std::string_view now) {
  return json::object{
      {"lastTransitionTime", now}, {"message", message}, {"reason", reason}, {"status", "True"}, {"type", type}};
}

std::vector<PrinterColumn> printer_columns(const json::value& version) {
  std::vector<PrinterColumn> out;
  for (const json::value& column : list_at(version, {"additionalPrinterColumns"})) {
    auto path = JsonPath::parse(text_at(column, {"jsonPath"}));
    if (!path) continue;
    const json::value* priority = find_path(column, {"priority"});
    const std::string_view description = text_at(column, {"description"});
    out.push_back({.name = std::string(text_at(column, {"name"})),
                   .type = std::string(text_at(column, {"type"})),
                   .format = std::string(text_at(column, {"format"})),
                   .description = description.empty()
                                      ? fmt::format("Custom resource definition column (in JSONPath format): {}",
                                                    text_at(column, {"jsonPath"}))
                                      : std::string(description),
                   .priority = priority == nullptr ? 0 : static_cast<int>(as_integer(*priority).value_or(0)),
                   .path = std::move(*path)});
  }
  if (out.empty()) {
    out.push_back({.name = "Age", .type = "date", .path = *JsonPath::parse(".metadata.creationTimestamp")});
  }
  return out;
}

}  // namespace

void prepare_crd(json::object& crd) {
  // Nothing is accepted yet: establish_crd() follows.
  json::array stored;
  if (const json::value* version = storage_version(crd)) stored.emplace_back(text_at(*version, {"name"}));
  crd["status"] = json::object{{"acceptedNames", json::object{{"kind", ""}, {"plural", ""}}},
                               {"conditions", nullptr},
                               {"storedVersions", std::move(stored)}};
}

void set_crd_defaults(json::object& crd) {
  json::value* spec = crd.if_contains("spec");
  if (spec == nullptr || !spec->is_object()) return;
  json::object& conversion = object_at(spec->get_object(), "conversion");
  if (!conversion.contains("strategy")) conversion["strategy"] = "None";
  json::value* names = find_path(*spec, {"names"});
  if (names == nullptr || !names->is_object()) return;
  const std::string kind(text_at(*names, {"kind"}));
  json::object& members = names->get_object();
  if (text_at(*names, {"singular"}).empty()) members["singular"] = base::to_lower(kind);
  if (text_at(*names, {"listKind"}).empty() && !kind.empty()) members["listKind"] = kind + "List";
}

void validate_crd(const json::value& crd, std::vector<StatusCause>& causes) {
  require_text(crd, {"spec", "group"}, "spec.group", causes);
  require_text(crd, {"spec", "names", "plural"}, "spec.names.plural", causes);
  require_text(crd, {"spec", "names", "kind"}, "spec.names.kind", causes);
  const std::string_view scope = text_at(crd, {"spec", "scope"});
  if (scope != "Namespaced" && scope != "Cluster") {
    if (scope.empty()) causes.push_back(required_value("spec.scope"));
    if (!scope.empty()) {
      causes.push_back(unsupported_value("spec.scope", base::go_quote(scope), {"\"Cluster\"", "\"Namespaced\""}));
    }
  }
  const std::string_view group = text_at(crd, {"spec", "group"});
  const std::string wanted = fmt::format("{}.{}", text_at(crd, {"spec", "names", "plural"}), group);
  const std::string_view name = text_at(crd, {"metadata", "name"});
  if (name != wanted) {
    causes.push_back(
        invalid_value("metadata.name", base::go_quote(name), "must be spec.names.plural+\".\"+spec.group"));
  }
  if (is_protected_group(group) && text_at(crd, {"metadata", "annotations", kApproval}).empty()) {
    causes.push_back(required_value(fmt::format("metadata.annotations[{}]", kApproval),
                                    fmt::format("protected groups must have approval annotation \"{}\", see "
                                                "https://github.com/kubernetes/enhancements/pull/1111",
                                                kApproval)));
  }
  const json::array& versions = list_at(crd, {"spec", "versions"});
  if (std::ranges::count_if(versions, [](const json::value& version) { return flag_at(version, "storage"); }) != 1) {
    causes.push_back(invalid_value("spec.versions", json::serialize(versions),
                                   "must have exactly one version marked as storage version"));
  }
  std::size_t index = 0;
  for (const json::value& version : versions) {
    validate_version(version, fmt::format("spec.versions[{}]", index++), causes);
  }
  const std::string_view strategy = text_at(crd, {"spec", "conversion", "strategy"});
  if (!strategy.empty() && strategy != "None") {
    causes.push_back(unsupported_value("spec.conversion.strategy", base::go_quote(strategy), {"\"None\""}));
  }
}

void establish_crd(json::object& crd, std::string_view now) {
  const json::value names = *find_path(crd, {"spec", "names"});
  json::object& status = object_at(crd, "status");
  status["acceptedNames"] = names;
  json::value& conditions = status["conditions"];
  if (conditions.is_array() && !conditions.get_array().empty()) return;
  conditions =
      json::array{condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
                  condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now)};
}

ResourcePtr resource_of_crd(const json::value& crd) {
  const json::value* version = storage_version(crd);
  if (version == nullptr || !flag_at(*version, "served")) return nullptr;
  const json::value* schema = find_path(*version, {"schema", "openAPIV3Schema"});
  Resource out{.group = std::string(text_at(crd, {"spec", "group"})),
               .version = std::string(text_at(*version, {"name"})),
               .plural = std::string(text_at(crd, {"spec", "names", "plural"})),
               .singular = std::string(text_at(crd, {"spec", "names", "singular"})),
               .kind = std::string(text_at(crd, {"spec", "names", "kind"})),
               .list_kind = std::string(text_at(crd, {"spec", "names", "listKind"})),
               .namespaced = text_at(crd, {"spec", "scope"}) == "Namespaced",
               .short_names = texts_at(crd, {"spec", "names", "shortNames"}),
               .categories = texts_at(crd, {"spec", "names", "categories"}),
               .custom = true,
               .status_subresource = find_path(*version, {"subresources", "status"}) != nullptr,
               .unconditional_update = false,
               .counts_generation = true,
               .schema = schema == nullptr ? json::value() : *schema,
               .columns = printer_columns(*version)};
  for (const json::value& field : list_at(*version, {"selectableFields"})) {
    std::string_view path = text_at(field, {"jsonPath"});
    if (path.starts_with('.')) path.remove_prefix(1);
    out.selectable_fields.emplace_back(path);
  }
  return std::make_shared<const Resource>(std::move(out));
}

}  // namespace podid::lab::apiserver
