// SPDX-License-Identifier: Apache-2.0
#include "core/resources_json.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "core/json_fields.hpp"
#include "core/naming.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

// The annotations of an assignment that are ours to set and to remove.
constexpr std::array kOwnAnnotations = {kPodUidAnnotation, kComputeAnnotation};

// ---- reading ----

ObjectMeta read_meta(const JsonFields& fields) {
  ObjectMeta meta;
  meta.name = fields.text("name");
  meta.ns = fields.text("namespace");
  meta.uid = fields.text("uid");
  meta.resource_version = fields.text("resourceVersion");
  meta.creation_timestamp = fields.text("creationTimestamp");
  meta.deletion_timestamp = fields.text("deletionTimestamp");
  meta.labels = fields.strings("labels");
  meta.annotations = fields.strings("annotations");
  meta.finalizers = fields.list("finalizers");
  fields.each("ownerReferences", [&meta](const JsonFields& owner) {
    meta.owner_references.push_back({owner.text("apiVersion"), owner.text("kind"), owner.text("name"),
                                     owner.text("uid"), owner.boolean("controller")});
  });
  return meta;
}

AzureIdentity read_identity(const JsonFields& fields, ObjectMeta meta) {
  AzureIdentity identity;
  identity.meta = std::move(meta);
  const JsonFields spec = fields.object("spec");
  identity.type = static_cast<IdentityType>(spec.integer("type"));
  identity.resource_id = spec.text("resourceID");
  identity.client_id = spec.text("clientID");
  const JsonFields password = spec.object("clientPassword");
  identity.client_password = {password.text("name"), password.text("namespace")};
  identity.tenant_id = spec.text("tenantID");
  identity.auxiliary_tenant_ids = spec.list("auxiliaryTenantIDs");
  identity.ad_resource_id = spec.text("adResourceID");
  identity.ad_endpoint = spec.text("adEndpoint");
  identity.replicas = spec.optional_int32("replicas");
  identity.available_replicas = fields.object("status").int32("availableReplicas");
  return identity;
}

AzureIdentityBinding read_binding(const JsonFields& fields, ObjectMeta meta) {
  AzureIdentityBinding binding;
  binding.meta = std::move(meta);
  const JsonFields spec = fields.object("spec");
  binding.azure_identity = spec.text("azureIdentity");
  binding.selector = spec.text("selector");
  binding.weight = spec.integer("weight");
  binding.available_replicas = fields.object("status").int32("availableReplicas");
  return binding;
}

// Runs `read` on the root's fields; its result, or the first problem.
template <class T, class Function>
Read<T> read_root(const json::value& root, Function read) {
  std::optional<Invalid> problem;
  const JsonFields fields(root, problem);
  T result = read(fields);
  if (problem) return std::unexpected(*std::move(problem));
  return result;
}

// ---- writing ----

void put(json::object& object, std::string_view name, std::string_view value) {
  if (!value.empty()) object[name] = value;
}

void put(json::object& object, std::string_view name, std::int64_t value) {
  if (value != 0) object[name] = value;
}

void put(json::object& object, std::string_view name, std::optional<std::int32_t> value) {
  if (value) object[name] = *value;
}

void put(json::object& object, std::string_view name, const std::vector<std::string>& values) {
  if (!values.empty()) object[name] = json::array(values.begin(), values.end());
}

void put(json::object& object, std::string_view name, const StringMap& map) {
  if (map.empty()) return;
  json::object& members = object[name].emplace_object();
  for (const auto& [key, value] : map) members[key] = value;
}

void put(json::object& object, std::string_view name, json::object value) {
  if (!value.empty()) object[name] = std::move(value);
}

json::object write_meta(const ObjectMeta& meta) {
  json::object out;
  put(out, "name", meta.name);
  put(out, "namespace", meta.ns);
  put(out, "uid", meta.uid);
  put(out, "resourceVersion", meta.resource_version);
  put(out, "labels", meta.labels);
  put(out, "annotations", meta.annotations);
  put(out, "finalizers", meta.finalizers);
  json::array owners;
  for (const OwnerReference& owner : meta.owner_references) {
    json::object reference{
        {"apiVersion", owner.api_version}, {"kind", owner.kind}, {"name", owner.name}, {"uid", owner.uid}};
    if (owner.controller) reference["controller"] = true;
    owners.push_back(std::move(reference));
  }
  if (!owners.empty()) out["ownerReferences"] = std::move(owners);
  return out;
}

json::object write_spec(const AzureIdentity& identity) {
  json::object spec;
  put(spec, "type", static_cast<std::int64_t>(identity.type));
  put(spec, "resourceID", identity.resource_id);
  put(spec, "clientID", identity.client_id);
  json::object password;
  put(password, "name", identity.client_password.name);
  put(password, "namespace", identity.client_password.ns);
  spec["clientPassword"] = std::move(password);  // typed clients always write it, empty or not (api.md §1.1)
  put(spec, "tenantID", identity.tenant_id);
  put(spec, "auxiliaryTenantIDs", identity.auxiliary_tenant_ids);
  put(spec, "adResourceID", identity.ad_resource_id);
  put(spec, "adEndpoint", identity.ad_endpoint);
  put(spec, "replicas", identity.replicas);
  return spec;
}

json::object write_spec(const AzureIdentityBinding& binding) {
  json::object spec;
  put(spec, "azureIdentity", binding.azure_identity);
  put(spec, "selector", binding.selector);
  put(spec, "weight", binding.weight);
  return spec;
}

json::object write_object(std::string_view kind, json::object meta, json::object spec) {
  json::object out{
      {"apiVersion", kApiVersion}, {"kind", kind}, {"metadata", std::move(meta)}, {"spec", std::move(spec)}};
  return out;
}

json::object available_replicas_status(std::int32_t available_replicas) {
  json::object status;
  put(status, "availableReplicas", available_replicas);
  return status;
}

// Sets our members of an assignment's spec and status; a zero value removes its member.
void set_or_remove(json::object& object, std::string_view name, std::string_view value) {
  if (value.empty()) {
    object.erase(name);
  } else {
    object[name] = value;
  }
}

void set_or_remove(json::object& object, std::string_view name, std::optional<std::int32_t> value) {
  if (value) {
    object[name] = *value;
  } else {
    object.erase(name);
  }
}

// The member as an object: made, or replaced when it is anything else.
json::object& object_member(json::object& parent, std::string_view name) {
  json::value& member = parent[name];
  return member.is_object() ? member.get_object() : member.emplace_object();
}

void set_spec_and_status(json::object& object, const AzureAssignedIdentity& assigned) {
  json::object& spec = object_member(object, "spec");
  spec["azureIdentityRef"] = embed(assigned.identity);
  spec["azureBindingRef"] = embed(assigned.binding);
  set_or_remove(spec, "pod", assigned.pod);
  set_or_remove(spec, "podNamespace", assigned.pod_namespace);
  set_or_remove(spec, "nodename", assigned.node_name);
  set_or_remove(spec, "replicas", assigned.replicas);
  json::object& status = object_member(object, "status");
  set_or_remove(status, "status", assigned.status);
  set_or_remove(status, "availableReplicas",
                assigned.available_replicas == 0 ? std::nullopt : std::optional(assigned.available_replicas));
}

}  // namespace

Read<ObjectMeta> read_object_meta(const json::value& object) {
  return read_root<ObjectMeta>(object, [](const JsonFields& root) { return read_meta(root.object("metadata")); });
}

Read<AzureIdentity> read_azure_identity(const json::value& object) {
  return read_root<AzureIdentity>(
      object, [](const JsonFields& root) { return read_identity(root, read_meta(root.object("metadata"))); });
}

Read<AzureIdentityBinding> read_azure_identity_binding(const json::value& object) {
  return read_root<AzureIdentityBinding>(
      object, [](const JsonFields& root) { return read_binding(root, read_meta(root.object("metadata"))); });
}

Read<AzureAssignedIdentity> read_azure_assigned_identity(const json::value& object) {
  return read_root<AzureAssignedIdentity>(object, [](const JsonFields& root) {
    AzureAssignedIdentity assigned;
    assigned.meta = read_meta(root.object("metadata"));
    const JsonFields spec = root.object("spec");
    const JsonFields identity = spec.object("azureIdentityRef");
    assigned.identity = read_identity(identity, copied_meta(read_meta(identity.object("metadata"))));
    const JsonFields binding = spec.object("azureBindingRef");
    assigned.binding = read_binding(binding, copied_meta(read_meta(binding.object("metadata"))));
    assigned.pod = spec.text("pod");
    assigned.pod_namespace = spec.text("podNamespace");
    assigned.node_name = spec.text("nodename");
    assigned.replicas = spec.optional_int32("replicas");
    const JsonFields status = root.object("status");
    assigned.status = status.text("status");
    assigned.available_replicas = status.int32("availableReplicas");
    return assigned;
  });
}

Read<AzurePodIdentityException> read_azure_pod_identity_exception(const json::value& object) {
  return read_root<AzurePodIdentityException>(object, [](const JsonFields& root) {
    return AzurePodIdentityException{read_meta(root.object("metadata")), root.object("spec").strings("podLabels")};
  });
}

json::object write_azure_identity(const AzureIdentity& identity) {
  json::object out = write_object("AzureIdentity", write_meta(identity.meta), write_spec(identity));
  put(out, "status", available_replicas_status(identity.available_replicas));
  return out;
}

json::object write_azure_identity_binding(const AzureIdentityBinding& binding) {
  json::object out = write_object("AzureIdentityBinding", write_meta(binding.meta), write_spec(binding));
  put(out, "status", available_replicas_status(binding.available_replicas));
  return out;
}

json::object write_azure_assigned_identity(const AzureAssignedIdentity& assigned) {
  json::object out = write_object("AzureAssignedIdentity", write_meta(assigned.meta), {});
  set_spec_and_status(out, assigned);
  return out;
}

json::object write_azure_pod_identity_exception(const AzurePodIdentityException& exception) {
  json::object spec;
  put(spec, "podLabels", exception.pod_labels);
  return write_object("AzurePodIdentityException", write_meta(exception.meta), std::move(spec));
}

json::object embed(const AzureIdentity& identity) {
  return write_object("AzureIdentity", write_meta(copied_meta(identity.meta)), write_spec(identity));
}

json::object embed(const AzureIdentityBinding& binding) {
  return write_object("AzureIdentityBinding", write_meta(copied_meta(binding.meta)), write_spec(binding));
}

json::object overwrite(json::object stored, const AzureAssignedIdentity& assigned) {
  stored["apiVersion"] = kApiVersion;
  stored["kind"] = "AzureAssignedIdentity";
  json::object& meta = object_member(stored, "metadata");
  meta.erase("labels");
  put(meta, "labels", assigned.meta.labels);
  json::object& annotations = object_member(meta, "annotations");
  for (const auto key : kOwnAnnotations)
    set_or_remove(annotations, key, value_or_empty(assigned.meta.annotations, key));
  if (annotations.empty()) meta.erase("annotations");
  json::value& finalizers = meta["finalizers"];
  if (!finalizers.is_array()) finalizers.emplace_array();
  if (std::ranges::find(finalizers.get_array(), json::value(kAssignedIdentityFinalizer)) ==
      finalizers.get_array().end()) {
    finalizers.get_array().emplace_back(kAssignedIdentityFinalizer);
  }
  set_spec_and_status(stored, assigned);
  return stored;
}

std::optional<json::object> without_our_finalizer(json::object stored) {
  json::object* meta = stored["metadata"].if_object();
  if (meta == nullptr) return std::nullopt;
  json::array* finalizers = (*meta)["finalizers"].if_array();
  if (finalizers == nullptr) return std::nullopt;
  const auto ours = std::ranges::find(*finalizers, json::value(kAssignedIdentityFinalizer));
  if (ours == finalizers->end()) return std::nullopt;
  finalizers->erase(ours);
  return stored;
}

}  // namespace podid::core
