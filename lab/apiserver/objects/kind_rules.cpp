// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/objects/kind_rules.hpp"

#include <fmt/format.h>

#include <cctype>

#include "base/text.hpp"
#include "lab/apiserver/objects/pod_rules.hpp"
#include "lab/apiserver/schema/crd.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::size_t kMaxSecretBytes = 1024 * 1024;

bool is_core(const Resource& resource, std::string_view plural) {
  return resource.group.empty() && resource.plural == plural;
}
bool is_crd(const Resource& resource) { return resource.plural == "customresourcedefinitions" && !resource.custom; }
bool is_lease(const Resource& resource) { return resource.plural == "leases" && !resource.custom; }

std::optional<std::string> config_key_problem(std::string_view key) {
  if (key.size() > 253) return "must be no more than 253 bytes";
  const bool fits = !key.empty() && std::ranges::all_of(key, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (!fits) {
    return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
           "'KEY_NAME',  "
           "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  }
  if (key == "." || key == "..") return fmt::format("must not be '{}'", key);
  return std::nullopt;
}

void validate_data(const json::value& object, std::string_view member, std::vector<StatusCause>& causes) {
  const json::value* data = find_path(object, {member});
  if (data == nullptr || !data->is_object()) return;
  std::size_t bytes = 0;
  for (const auto& entry : data->get_object()) {
    const std::string field = fmt::format("{}[{}]", member, std::string_view(entry.key()));
    if (const auto problem = config_key_problem(entry.key())) {
      causes.push_back(invalid_value(field, base::go_quote(entry.key()), *problem));
    }
    if (!entry.value().is_string()) continue;
    bytes += entry.value().get_string().size();
  }
  if (bytes > kMaxSecretBytes) causes.push_back(too_long(std::string(member), kMaxSecretBytes));
}

void fold_string_data(json::object& secret) {
  if (!secret.contains("type")) secret["type"] = "Opaque";
  const json::value* plain = secret.if_contains("stringData");
  if (plain != nullptr && plain->is_object()) {
    const json::object texts = plain->get_object();
    json::object& data = object_at(secret, "data");
    for (const auto& entry : texts) {
      if (entry.value().is_string()) data[entry.key()] = base::base64(entry.value().get_string());
    }
  }
  erase_member(secret, "stringData");
}

// Members that Go writes even when they are empty.
void set_event_defaults(json::object& event) {
  if (!event.contains("eventTime")) event["eventTime"] = nullptr;
  for (const std::string_view name : {"reportingComponent", "reportingInstance"}) {
    if (!event.contains(name)) event[name] = "";
  }
}

void set_node_defaults(json::object& node) {
  json::object& status = object_at(node, "status");
  set_condition_times(status, "lastHeartbeatTime");
  if (!status.contains("daemonEndpoints")) {
    status["daemonEndpoints"] = json::object{{"kubeletEndpoint", {{"Port", 0}}}};
  }
  json::object& info = object_at(status, "nodeInfo");
  for (const std::string_view name :
       {"machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeletVersion",
        "kubeProxyVersion", "operatingSystem", "architecture"}) {
    if (!info.contains(name)) info[name] = "";
  }
}

void validate_event(const json::value& event, std::vector<StatusCause>& causes) {
  const std::string_view ns = text_at(event, {"metadata", "namespace"});
  const std::string_view about = text_at(event, {"involvedObject", "namespace"});
  const bool fits = about.empty() ? ns.empty() || ns == "default" : about == ns;
  if (!fits) {
    causes.push_back(
        invalid_value("involvedObject.namespace", base::go_quote(about), "does not match event.namespace"));
  }
}

void validate_lease(const json::value& lease, std::vector<StatusCause>& causes) {
  const json::value* duration = find_path(lease, {"spec", "leaseDurationSeconds"});
  const auto seconds = duration == nullptr ? std::nullopt : as_integer(*duration);
  if (seconds && *seconds <= 0) {
    causes.push_back(invalid_value("spec.leaseDurationSeconds", std::to_string(*seconds), "must be greater than 0"));
  }
  const json::value* transitions = find_path(lease, {"spec", "leaseTransitions"});
  const auto count = transitions == nullptr ? std::nullopt : as_integer(*transitions);
  if (count && *count < 0) {
    causes.push_back(
        invalid_value("spec.leaseTransitions", std::to_string(*count), "must be greater than or equal to 0"));
  }
}

void prepare_namespace(json::object& object) {
  json::array& finalizers = [&]() -> json::array& {
    json::value& list = object_at(object, "spec")["finalizers"];
    if (!list.is_array()) list.emplace_array();
    return list.get_array();
  }();
  if (std::ranges::find(finalizers, json::value("kubernetes")) == finalizers.end())
    finalizers.emplace_back("kubernetes");
  object["status"] = json::object{{"phase", "Active"}};
}

// immutable: true on a Secret or ConfigMap.
void validate_immutable(const json::value& before, const json::value& after, std::vector<StatusCause>& causes) {
  const json::value* frozen = find_path(before, {"immutable"});
  if (frozen == nullptr || *frozen != true) return;
  const json::value* still = find_path(after, {"immutable"});
  if (still == nullptr || *still != true) {
    causes.push_back(forbidden_value("immutable", "field is immutable when `immutable` is set"));
  }
  for (const std::string_view member : {"data", "binaryData"}) {
    const json::value* old_data = find_path(before, {member});
    const json::value* new_data = find_path(after, {member});
    const bool same =
        old_data == nullptr || new_data == nullptr ? old_data == new_data : same_json(*old_data, *new_data);
    if (!same) causes.push_back(forbidden_value(std::string(member), "field is immutable when `immutable` is set"));
  }
}

}  // namespace

std::optional<std::string> object_name_problem(const Resource& resource, std::string_view name) {
  return is_core(resource, "namespaces") ? dns_label_problem(name) : dns_subdomain_problem(name);
}

void prepare_create(const Resource& resource, json::object& object) {
  if (resource.custom) {
    if (resource.status_subresource) erase_member(object, "status");
  } else if (is_core(resource, "pods")) {
    prepare_pod(object);
  } else if (is_core(resource, "namespaces")) {
    prepare_namespace(object);
  } else if (is_crd(resource)) {
    prepare_crd(object);
  }
}

void set_kind_defaults(const Resource& resource, json::object& object) {
  if (is_core(resource, "pods")) set_pod_defaults(object);
  if (is_core(resource, "secrets")) fold_string_data(object);
  if (is_crd(resource)) set_crd_defaults(object);
  if (is_core(resource, "nodes")) set_node_defaults(object);
  if (is_core(resource, "events")) set_event_defaults(object);
  if (is_core(resource, "namespaces")) {
    json::object& metadata = object_at(object, "metadata");
    const json::value name = metadata["name"];
    object_at(metadata, "labels")["kubernetes.io/metadata.name"] = name;
  }
}

void keep_protected_parts(const Resource& resource, const json::object& before, json::object& after,
                          Subresource subresource) {
  if (subresource != Subresource::status) {
    if (resource.status_subresource) copy_member(before, after, "status");
    return;
  }
  if (resource.custom) {
    // Nothing but status can be written here.
    json::object kept = before;
    copy_member(after, kept, "status");
    after = std::move(kept);
    return;
  }
  copy_member(before, after, "spec");
  if (is_crd(resource)) copy_member(before, after, "metadata");
}

void validate_kind(const Resource& resource, const json::value& object, std::vector<StatusCause>& causes) {
  if (is_core(resource, "pods")) validate_pod(object, causes);
  if (is_core(resource, "secrets")) validate_data(object, "data", causes);
  if (is_core(resource, "configmaps")) {
    validate_data(object, "data", causes);
    validate_data(object, "binaryData", causes);
  }
  if (is_core(resource, "events")) validate_event(object, causes);
  if (is_lease(resource)) validate_lease(object, causes);
  if (is_crd(resource)) validate_crd(object, causes);
}

void validate_kind_update(const Resource& resource, const json::value& before, const json::value& after,
                          std::vector<StatusCause>& causes) {
  if (is_core(resource, "pods")) validate_pod_update(before, after, causes);
  if (is_core(resource, "nodes")) {
    const std::string_view provider = text_at(before, {"spec", "providerID"});
    if (!provider.empty() && provider != text_at(after, {"spec", "providerID"})) {
      causes.push_back(
          forbidden_value("spec.providerID", "node updates may not change providerID except from \"\" to valid"));
    }
  }
  if (is_core(resource, "secrets")) {
    const std::string_view type = text_at(after, {"type"});
    if (type != text_at(before, {"type"})) {
      causes.push_back(invalid_value("type", base::go_quote(type), "field is immutable"));
    }
  }
  if (is_core(resource, "secrets") || is_core(resource, "configmaps")) validate_immutable(before, after, causes);
}

}  // namespace podid::lab::apiserver
