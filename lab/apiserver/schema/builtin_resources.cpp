// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/builtin_resources.hpp"

#include "base/text.hpp"
#include "lab/apiserver/schema/builtin_schemas.hpp"
#include "lab/apiserver/schema/event_forms.hpp"

namespace podid::lab::apiserver {
namespace {

// What an installation has besides. Kept as it is written: nothing here runs it, or asks it what is allowed.
struct Kept {
  std::string_view group;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;
};
constexpr Kept kKept[] = {
    {"apps", "daemonsets", "DaemonSet"},
    {"apps", "deployments", "Deployment"},
    {"batch", "cronjobs", "CronJob"},
    {"networking.k8s.io", "networkpolicies", "NetworkPolicy"},
    {"rbac.authorization.k8s.io", "roles", "Role"},
    {"rbac.authorization.k8s.io", "rolebindings", "RoleBinding"},
    {"rbac.authorization.k8s.io", "clusterroles", "ClusterRole", false},
    {"rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", false},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false},
    {"admissionregistration.k8s.io", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false},
};

// The schema is added by its kind.
ResourcePtr finished(Resource resource) {
  resource.list_kind = resource.kind + "List";
  resource.schema = resource.shares_bucket.empty() ? builtin_schema(resource.kind) : event_schema_of_events_group();
  return std::make_shared<const Resource>(std::move(resource));
}

std::vector<ResourcePtr> make_resources() {
  const Resource core{.group = "", .version = "v1", .plural = "", .singular = "", .kind = "", .list_kind = ""};
  const auto core_resource = [&](std::string plural, std::string singular, std::string kind) {
    Resource resource = core;
    resource.plural = std::move(plural);
    resource.singular = std::move(singular);
    resource.kind = std::move(kind);
    return resource;
  };

  Resource configmaps = core_resource("configmaps", "configmap", "ConfigMap");
  configmaps.short_names = {"cm"};

  Resource endpoints = core_resource("endpoints", "endpoints", "Endpoints");
  endpoints.short_names = {"ep"};
  endpoints.create_on_update = true;
  endpoints.deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

  Resource events = core_resource("events", "event", "Event");
  events.short_names = {"ev"};
  events.create_on_update = true;
  events.selectable_fields = {"involvedObject.kind",
                              "involvedObject.namespace",
                              "involvedObject.name",
                              "involvedObject.uid",
                              "involvedObject.apiVersion",
                              "involvedObject.resourceVersion",
                              "involvedObject.fieldPath",
                              "reason",
                              "reportingComponent",
                              "source",
                              "type"};

  Resource new_events = events;
  new_events.group = "events.k8s.io";
  new_events.shares_bucket = events.bucket();
  new_events.selectable_fields = {"reason", "type"};

  Resource namespaces = core_resource("namespaces", "namespace", "Namespace");
  namespaces.short_names = {"ns"};
  namespaces.namespaced = false;
  namespaces.status_subresource = true;
  namespaces.selectable_fields = {"status.phase"};

  Resource nodes = core_resource("nodes", "node", "Node");
  nodes.short_names = {"no"};
  nodes.namespaced = false;
  nodes.status_subresource = true;
  nodes.selectable_fields = {"spec.unschedulable"};

  Resource pods = core_resource("pods", "pod", "Pod");
  pods.short_names = {"po"};
  pods.categories = {"all"};
  pods.status_subresource = true;
  pods.counts_generation = true;
  pods.selectable_fields = {
      "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
      "status.phase",  "status.podIP",       "status.podIPs",      "status.nominatedNodeName"};

  Resource secrets = core_resource("secrets", "secret", "Secret");
  secrets.selectable_fields = {"type"};

  Resource service_accounts = core_resource("serviceaccounts", "serviceaccount", "ServiceAccount");
  service_accounts.short_names = {"sa"};

  Resource crds{.group = "apiextensions.k8s.io",
                .version = "v1",
                .plural = "customresourcedefinitions",
                .singular = "customresourcedefinition",
                .kind = "CustomResourceDefinition",
                .list_kind = "",
                .namespaced = false,
                .short_names = {"crd", "crds"},
                .categories = {"api-extensions"},
                .status_subresource = true,
                .unconditional_update = false,
                .counts_generation = true};

  Resource leases{.group = "coordination.k8s.io",
                  .version = "v1",
                  .plural = "leases",
                  .singular = "lease",
                  .kind = "Lease",
                  .list_kind = "",
                  .unconditional_update = false,
                  .create_on_update = true};

  Resource access_reviews{.group = "authorization.k8s.io",
                          .version = "v1",
                          .plural = "selfsubjectaccessreviews",
                          .singular = "selfsubjectaccessreview",
                          .kind = "SelfSubjectAccessReview",
                          .list_kind = "",
                          .namespaced = false,
                          .stored = false};

  Resource subject_reviews{.group = "authentication.k8s.io",
                           .version = "v1",
                           .plural = "selfsubjectreviews",
                           .singular = "selfsubjectreview",
                           .kind = "SelfSubjectReview",
                           .list_kind = "",
                           .namespaced = false,
                           .stored = false};

  std::vector<ResourcePtr> out;
  for (Resource* resource : {&configmaps, &endpoints, &events, &namespaces, &nodes, &pods, &secrets, &service_accounts,
                             &subject_reviews, &access_reviews, &crds, &leases, &new_events}) {
    out.push_back(finished(std::move(*resource)));
  }
  for (const Kept& kept : kKept) {
    out.push_back(finished({.group = std::string(kept.group),
                            .version = "v1",
                            .plural = std::string(kept.plural),
                            .singular = base::to_lower(kept.kind),
                            .kind = std::string(kept.kind),
                            .list_kind = "",
                            .namespaced = kept.namespaced}));
  }
  return out;
}

}  // namespace

const std::vector<ResourcePtr>& builtin_resources() {
  static const std::vector<ResourcePtr> resources = make_resources();
  return resources;
}

}  // namespace podid::lab::apiserver
