// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/builtin_schemas.hpp"

#include <initializer_list>
#include <utility>

#include "lab/apiserver/schema/schema_words.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

// Words to write a schema with. Members as in k8s.io/api v0.35.
using Members = std::initializer_list<std::pair<std::string_view, json::value>>;
using Names = std::initializer_list<std::string_view>;

json::value of_type(std::string_view type) { return json::object{{"type", type}}; }
json::value text() { return of_type("string"); }
json::value integer() { return of_type("integer"); }
json::value bytes() { return json::object{{"type", "string"}, {"format", "byte"}}; }
json::value time() { return json::object{{"type", "string"}, {"format", "date-time"}, {"nullable", true}}; }
json::value boolean() { return of_type("boolean"); }
json::value any() { return json::object{{kPreserveUnknown, true}}; }
json::value any_object() { return json::object{{"type", "object"}, {kPreserveUnknown, true}}; }
json::value list_of(json::value items) { return json::object{{"type", "array"}, {"items", std::move(items)}}; }
json::value map_of(json::value values) {
  return json::object{{"type", "object"}, {"additionalProperties", std::move(values)}};
}

// Members with a checked type, and `others` by name alone.
json::value object(Members members, Names others = {}) {
  json::object properties;
  for (const auto& [name, schema] : members) properties[name] = schema;
  for (const std::string_view name : others) properties[name] = any();
  return json::object{{"type", "object"}, {"properties", std::move(properties)}};
}

json::value object_reference() {
  return object({{"kind", text()},
                 {"namespace", text()},
                 {"name", text()},
                 {"uid", text()},
                 {"apiVersion", text()},
                 {"resourceVersion", text()},
                 {"fieldPath", text()}});
}

json::value container() {
  return object({{"name", text()},
                 {"image", text()},
                 {"command", list_of(text())},
                 {"args", list_of(text())},
                 {"workingDir", text()},
                 {"ports", list_of(object({{"name", text()},
                                           {"hostPort", integer()},
                                           {"containerPort", integer()},
                                           {"protocol", text()},
                                           {"hostIP", text()}}))},
                 {"env", list_of(object({{"name", text()}, {"value", text()}}, {"valueFrom"}))},
                 {"volumeMounts", list_of(any_object())},
                 {"imagePullPolicy", text()}},
                {"envFrom", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "volumeDevices",
                 "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath",
                 "terminationMessagePolicy", "securityContext", "stdin", "stdinOnce", "tty"});
}

json::value pod_spec() {
  return object({{"containers", list_of(container())},
                 {"initContainers", list_of(container())},
                 {"volumes", list_of(any_object())},
                 {"restartPolicy", text()},
                 {"terminationGracePeriodSeconds", integer()},
                 {"nodeSelector", map_of(text())},
                 {"serviceAccountName", text()},
                 {"serviceAccount", text()},
                 {"nodeName", text()},
                 {"hostNetwork", boolean()},
                 {"schedulerName", text()},
                 {"tolerations", list_of(any_object())}},
                {"ephemeralContainers",
                 "activeDeadlineSeconds",
                 "dnsPolicy",
                 "automountServiceAccountToken",
                 "hostPID",
                 "hostIPC",
                 "shareProcessNamespace",
                 "securityContext",
                 "imagePullSecrets",
                 "hostname",
                 "subdomain",
                 "affinity",
                 "hostAliases",
                 "priorityClassName",
                 "priority",
                 "dnsConfig",
                 "readinessGates",
                 "runtimeClassName",
                 "enableServiceLinks",
                 "preemptionPolicy",
                 "overhead",
                 "topologySpreadConstraints",
                 "setHostnameAsFQDN",
                 "os",
                 "hostUsers",
                 "schedulingGates",
                 "resourceClaims",
                 "resources",
                 "hostnameOverride",
                 "workloadRef"});
}

json::value pod_status() {
  return object({{"phase", text()},
                 {"conditions", list_of(any_object())},
                 {"message", text()},
                 {"reason", text()},
                 {"nominatedNodeName", text()},
                 {"hostIP", text()},
                 {"hostIPs", list_of(object({{"ip", text()}}))},
                 {"podIP", text()},
                 {"podIPs", list_of(object({{"ip", text()}}))},
                 {"containerStatuses", list_of(any_object())},
                 {"initContainerStatuses", list_of(any_object())}},
                {"observedGeneration", "startTime", "qosClass", "ephemeralContainerStatuses", "resize",
                 "resourceClaimStatuses", "extendedResourceClaimStatus", "allocatedResources", "resources"});
}

json::value node_spec() {
  return object(
      {{"podCIDR", text()},
       {"podCIDRs", list_of(text())},
       {"providerID", text()},
       {"unschedulable", boolean()},
       {"taints", list_of(object({{"key", text()}, {"value", text()}, {"effect", text()}, {"timeAdded", text()}}))}},
      {"configSource", "externalID"});
}

json::value node_status() {
  return object({{"conditions", list_of(any_object())},
                 {"addresses", list_of(object({{"type", text()}, {"address", text()}}))},
                 {"nodeInfo", any_object()}},
                {"capacity", "allocatable", "phase", "daemonEndpoints", "images", "volumesInUse", "volumesAttached",
                 "config", "runtimeHandlers", "features", "declaredFeatures"});
}

json::value event() {
  return object({{"involvedObject", object_reference()},
                 {"reason", text()},
                 {"message", text()},
                 {"source", object({{"component", text()}, {"host", text()}})},
                 {"firstTimestamp", time()},
                 {"lastTimestamp", time()},
                 {"count", integer()},
                 {"type", text()},
                 {"eventTime", time()},
                 {"series", object({{"count", integer()}, {"lastObservedTime", time()}})},
                 {"action", text()},
                 {"related", object_reference()},
                 {"reportingComponent", text()},
                 {"reportingInstance", text()}});
}

json::value lease_spec() {
  return object({{"holderIdentity", text()},
                 {"leaseDurationSeconds", integer()},
                 {"acquireTime", time()},
                 {"renewTime", time()},
                 {"leaseTransitions", integer()},
                 {"strategy", text()},
                 {"preferredHolder", text()}});
}

json::value crd() {
  const json::value names = object({{"plural", text()},
                                    {"singular", text()},
                                    {"shortNames", list_of(text())},
                                    {"kind", text()},
                                    {"listKind", text()},
                                    {"categories", list_of(text())}});
  const json::value column = object({{"name", text()},
                                     {"type", text()},
                                     {"format", text()},
                                     {"description", text()},
                                     {"priority", integer()},
                                     {"jsonPath", text()}});
  const json::value version = object({{"name", text()},
                                      {"served", boolean()},
                                      {"storage", boolean()},
                                      {"schema", object({{"openAPIV3Schema", any_object()}})},
                                      {"additionalPrinterColumns", list_of(column)},
                                      {"selectableFields", list_of(object({{"jsonPath", text()}}))},
                                      {"deprecated", boolean()},
                                      {"deprecationWarning", text()}},
                                     {"subresources"});
  return object(
      {{"spec", object({{"group", text()}, {"names", names}, {"scope", text()}, {"versions", list_of(version)}},
                       {"conversion", "preserveUnknownFields"})},
       {"status", any_object()}});
}

}  // namespace

json::value builtin_schema(std::string_view kind) {
  if (kind == "Pod") return object({{"spec", pod_spec()}, {"status", pod_status()}});
  if (kind == "Node") return object({{"spec", node_spec()}, {"status", node_status()}});
  if (kind == "Namespace") {
    return object({{"spec", object({{"finalizers", list_of(text())}})},
                   {"status", object({{"phase", text()}, {"conditions", list_of(any_object())}})}});
  }
  if (kind == "Secret") {
    return object(
        {{"type", text()}, {"data", map_of(bytes())}, {"stringData", map_of(text())}, {"immutable", boolean()}});
  }
  if (kind == "ConfigMap") {
    return object({{"data", map_of(text())}, {"binaryData", map_of(bytes())}, {"immutable", boolean()}});
  }
  if (kind == "Event") return event();
  if (kind == "ServiceAccount") {
    return object({{"secrets", list_of(object_reference())},
                   {"imagePullSecrets", list_of(object({{"name", text()}}))},
                   {"automountServiceAccountToken", boolean()}});
  }
  if (kind == "Endpoints") return object({{"subsets", list_of(any_object())}});
  if (kind == "Lease") return object({{"spec", lease_spec()}});
  if (kind == "CustomResourceDefinition") return crd();
  return any_object();
}

}  // namespace podid::lab::apiserver
