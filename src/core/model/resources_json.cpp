// SPDX-License-Identifier: Apache-2.0
#include "core/model/resources_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "core/model/access_json.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

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

// Whether an object's own lengths are looked at (resources_json.hpp).
enum class Lengths { limited, free };

std::size_t most(Lengths lengths, std::size_t limit) {
  return lengths == Lengths::limited ? limit : JsonFields::kNoLimit;
}

AzureIdentity read_identity(const JsonFields& fields, ObjectMeta meta, Lengths lengths) {
  AzureIdentity identity;
  identity.meta = std::move(meta);
  const JsonFields spec = fields.object("spec");
  identity.type = static_cast<IdentityType>(spec.integer("type"));
  identity.resource_id =
      ResourceId(std::string(trimmed_resource_id(spec.text("resourceID", most(lengths, kMostResourceId)))));
  identity.client_id = ClientId(spec.text("clientID", most(lengths, kMostClientId)));
  const JsonFields password = spec.object("clientPassword");
  identity.client_password = {password.text("name", most(lengths, kMostName)),
                              password.text("namespace", most(lengths, kMostName))};
  identity.tenant_id = spec.text("tenantID", most(lengths, kMostTenantId));
  identity.auxiliary_tenant_ids =
      spec.list("auxiliaryTenantIDs", most(lengths, kMostItems), most(lengths, kMostTenantId));
  identity.ad_resource_id = spec.text("adResourceID", most(lengths, kMostResourceId));
  identity.ad_endpoint = spec.text("adEndpoint", most(lengths, kMostEndpoint));
  identity.replicas = spec.optional_int32("replicas");
  const JsonFields status = fields.object("status");
  identity.available_replicas = status.int32("availableReplicas");
  // `metadata` in spec and status has no meaning (api.md §1.1).
  identity.unknown.spec = spec.others({"type", "resourceID", "clientID", "clientPassword", "tenantID",
                                       "auxiliaryTenantIDs", "adResourceID", "adEndpoint", "replicas", "metadata"},
                                      most(lengths, kMostUnknown));
  identity.unknown.status = status.others({"availableReplicas", "metadata"}, most(lengths, kMostUnknown));
  return identity;
}

AzureIdentityBinding read_binding(const JsonFields& fields, ObjectMeta meta, Lengths lengths) {
  AzureIdentityBinding binding;
  binding.meta = std::move(meta);
  const JsonFields spec = fields.object("spec");
  binding.azure_identity = spec.text("azureIdentity", most(lengths, kMostName));
  binding.selector = spec.text("selector", most(lengths, kMostSelector));
  binding.weight = spec.integer("weight");
  const JsonFields status = fields.object("status");
  binding.available_replicas = status.int32("availableReplicas");
  binding.unknown.spec =
      spec.others({"azureIdentity", "selector", "weight", "access", "metadata"}, most(lengths, kMostUnknown));
  binding.unknown.status = status.others({"availableReplicas", "metadata"}, most(lengths, kMostUnknown));
  return binding;
}

// When a binding may be used. Kept as it is written besides, for who writes the binding back.
void read_binding_access(const JsonFields& spec, AzureIdentityBinding& binding) {
  if (const json::value* access = spec.value("access")) {
    if (json::serialize(*access).size() > kMostUnknown) return spec.wrong("access", "is longer than 16384 bytes");
    binding.access = read_access(*access);
    if (binding.access->grant) binding.access->grant->binding_made = read_time(binding.meta.creation_timestamp);
    binding.unknown.spec["access"] = *access;
  } else if (binding.meta.annotations.contains(kAccessHashAnnotation)) {
    binding.access = lost_access();
  }
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
  json::object spec = identity.unknown.spec;
  put(spec, "type", static_cast<std::int64_t>(identity.type));
  put(spec, "resourceID", identity.resource_id.text());
  put(spec, "clientID", identity.client_id.text());
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
  json::object spec = binding.unknown.spec;
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

json::object write_status(std::int32_t available_replicas, const UnknownMembers& unknown) {
  json::object status = unknown.status;
  put(status, "availableReplicas", available_replicas);
  return status;
}

}  // namespace

Read<AzureIdentity> read_azure_identity(const json::value& object) {
  return read_root<AzureIdentity>(object, [](const JsonFields& root) {
    return read_identity(root, read_meta(root.object("metadata")), Lengths::limited);
  });
}

Read<AzureIdentityBinding> read_azure_identity_binding(const json::value& object) {
  return read_root<AzureIdentityBinding>(object, [](const JsonFields& root) {
    AzureIdentityBinding binding = read_binding(root, read_meta(root.object("metadata")), Lengths::limited);
    read_binding_access(root.object("spec"), binding);
    return binding;
  });
}

Read<AzureAssignedIdentity> read_azure_assigned_identity(const json::value& object) {
  return read_root<AzureAssignedIdentity>(object, [](const JsonFields& root) {
    AzureAssignedIdentity assigned;
    assigned.meta = read_meta(root.object("metadata"));
    const JsonFields spec = root.object("spec");
    const JsonFields identity = spec.object("azureIdentityRef");
    assigned.identity = copied(read_identity(identity, read_meta(identity.object("metadata")), Lengths::free));
    const JsonFields binding = spec.object("azureBindingRef");
    assigned.binding = copied(read_binding(binding, read_meta(binding.object("metadata")), Lengths::free));
    assigned.pod = spec.text("pod");
    assigned.pod_namespace = spec.text("podNamespace");
    assigned.node_name = spec.text("nodename");
    assigned.replicas = spec.optional_int32("replicas");
    const JsonFields status = root.object("status");
    assigned.status = status.text("status");
    assigned.available_replicas = status.int32("availableReplicas");
    assigned.unknown.spec =
        spec.others({"azureIdentityRef", "azureBindingRef", "pod", "podNamespace", "nodename", "replicas", "metadata"});
    assigned.unknown.status = status.others({"status", "availableReplicas", "metadata"});
    return assigned;
  });
}

Read<AzurePodIdentityException> read_azure_pod_identity_exception(const json::value& object) {
  return read_root<AzurePodIdentityException>(object, [](const JsonFields& root) {
    AzurePodIdentityException exception;
    exception.meta = read_meta(root.object("metadata"));
    const JsonFields spec = root.object("spec");
    exception.pod_labels = spec.strings("podLabels", kMostItems, kMostLabelKey);
    exception.unknown.spec = spec.others({"podLabels", "metadata"}, kMostUnknown);
    exception.unknown.status = root.object("status").others({"metadata"}, kMostUnknown);
    return exception;
  });
}

json::object write_azure_identity(const AzureIdentity& identity) {
  json::object out = write_object("AzureIdentity", write_meta(identity.meta), write_spec(identity));
  put(out, "status", write_status(identity.available_replicas, identity.unknown));
  return out;
}

json::object write_azure_identity_binding(const AzureIdentityBinding& binding) {
  json::object out = write_object("AzureIdentityBinding", write_meta(binding.meta), write_spec(binding));
  put(out, "status", write_status(binding.available_replicas, binding.unknown));
  return out;
}

json::object write_azure_assigned_identity(const AzureAssignedIdentity& assigned) {
  json::object spec = assigned.unknown.spec;
  spec["azureIdentityRef"] = embed(assigned.identity);
  spec["azureBindingRef"] = embed(assigned.binding);
  put(spec, "pod", assigned.pod);
  put(spec, "podNamespace", assigned.pod_namespace);
  put(spec, "nodename", assigned.node_name);
  put(spec, "replicas", assigned.replicas);
  json::object status = write_status(assigned.available_replicas, assigned.unknown);
  put(status, "status", assigned.status);
  json::object out = write_object("AzureAssignedIdentity", write_meta(assigned.meta), std::move(spec));
  put(out, "status", std::move(status));
  return out;
}

json::object write_azure_pod_identity_exception(const AzurePodIdentityException& exception) {
  json::object spec = exception.unknown.spec;
  put(spec, "podLabels", exception.pod_labels);
  json::object out = write_object("AzurePodIdentityException", write_meta(exception.meta), std::move(spec));
  put(out, "status", exception.unknown.status);
  return out;
}

json::object embed(const AzureIdentity& identity) { return write_azure_identity(copied(identity)); }

json::object embed(const AzureIdentityBinding& binding) { return write_azure_identity_binding(copied(binding)); }

}  // namespace podid::core
