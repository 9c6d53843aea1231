// SPDX-License-Identifier: Apache-2.0
#include "cli/show/cluster_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "cli/common/read_all.hpp"
#include "core/matching.hpp"
#include "core/model/resources_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

std::string workload_of(const json::value& pod, const std::string& name) {
  const json::value* owners = base::find_path(pod, {"metadata", "ownerReferences"});
  if (owners != nullptr && owners->is_array()) {
    for (const json::value& owner : owners->get_array()) {
      const json::value* controller = base::find_path(owner, {"controller"});
      if (controller == nullptr || !controller->is_bool() || !controller->get_bool()) continue;
      return fmt::format("{}/{}", base::text_at(owner, {"kind"}), base::text_at(owner, {"name"}));
    }
  }
  return "Pod/" + name;
}

base::Task<base::Result<>> read_pods(Cluster& cluster, std::string ns, ClusterObjects& objects) {
  auto pods = co_await cluster.list(kube::kPods, ns);
  if (!pods) co_return std::unexpected(pods.error());
  for (const json::value& each : *pods) {
    auto pod = core::read_pod(each);
    if (!pod) continue;
    std::string workload = workload_of(each, pod->name);
    objects.pods.push_back({.pod = std::move(*pod), .workload = std::move(workload)});
  }
  co_return base::Result<>{};
}

base::Task<> read_namespace_labels(Cluster& cluster, ClusterObjects& objects) {
  auto namespaces = co_await cluster.list(kube::kNamespaces, "");
  if (!namespaces) {
    objects.unreadable.push_back(namespaces.error().message);
    co_return;
  }
  for (const json::value& each : *namespaces) {
    auto labels = core::read_policy_labels(each);
    if (labels) objects.permissions.put_namespace(std::move(*labels));
  }
}

base::Task<> read_access(Cluster& cluster, ClusterObjects& objects) {
  auto access = std::make_shared<AccessObjects>();
  co_await read_calendars(cluster, objects.bindings, *access);
  const auto read = co_await read_grants(cluster, "", *access);
  if (!read) objects.unreadable.push_back(read.error().message);
  objects.unreadable.insert(objects.unreadable.end(), access->unreadable.begin(), access->unreadable.end());
  objects.access = std::move(access);
}

}  // namespace

base::Task<base::Result<ClusterObjects>> read_cluster_objects(Cluster& cluster, std::string pods_of,
                                                              PolicyReading policy) {
  ClusterObjects objects;
  auto pods = co_await read_pods(cluster, pods_of, objects);
  if (!pods) co_return std::unexpected(pods.error());
  auto bindings = co_await read_all(cluster, kube::kAzureIdentityBindings, "", core::read_azure_identity_binding,
                                    objects.bindings, objects.unreadable);
  if (!bindings) co_return std::unexpected(bindings.error());
  auto identities = co_await read_all(cluster, kube::kAzureIdentities, "", core::read_azure_identity,
                                      objects.identities, objects.unreadable);
  if (!identities) co_return std::unexpected(identities.error());
  auto exceptions = co_await read_all(cluster, kube::kAzurePodIdentityExceptions, "",
                                      core::read_azure_pod_identity_exception, objects.exceptions, objects.unreadable);
  if (!exceptions) co_return std::unexpected(exceptions.error());
  auto assigned = co_await read_all(cluster, kube::kAzureAssignedIdentities, "", core::read_azure_assigned_identity,
                                    objects.assigned, objects.unreadable);
  if (!assigned) co_return std::unexpected(assigned.error());
  co_await read_access(cluster, objects);
  const auto has_policy = co_await read_identity_policy(cluster, policy, objects.permissions, objects.unreadable);
  if (!has_policy) co_return std::unexpected(has_policy.error());
  objects.has_policy = *has_policy;
  if (objects.permissions.goes_by_labels()) co_await read_namespace_labels(cluster, objects);
  co_return objects;
}

base::Task<std::map<std::string, base::WallTime>> read_issuances(Cluster& cluster, std::string ns) {
  std::map<std::string, base::WallTime> latest;
  auto events = co_await cluster.list(kube::kEvents, ns, "reason=TokenIssued");
  if (!events) co_return latest;
  for (const json::value& event : *events) {
    const std::string pod =
        fmt::format("{}/{}", base::text_at(event, {"related", "namespace"}), base::text_at(event, {"related", "name"}));
    for (const auto time : {base::text_at(event, {"series", "lastObservedTime"}),
                            base::text_at(event, {"lastTimestamp"}), base::text_at(event, {"eventTime"})}) {
      const auto at = base::parse_rfc3339(time);
      if (!at) continue;
      const auto [known, is_new] = latest.emplace(pod, *at);
      if (!is_new) known->second = std::max(known->second, *at);
    }
  }
  co_return latest;
}

PodObjects objects_for(const ClusterObjects& objects, const core::Pod& pod) {
  PodObjects found{
      .pod = pod, .permissions = objects.permissions, .has_policy = objects.has_policy, .access = objects.access};
  const auto of_pod = [&pod](const core::AzureAssignedIdentity& each) {
    return each.pod == pod.name && each.pod_namespace == pod.ns;
  };
  std::ranges::copy_if(objects.assigned, std::back_inserter(found.assigned), of_pod);
  const auto names = [&found](const core::AzureIdentityBinding& binding) {
    return std::ranges::any_of(found.assigned, [&binding](const core::AzureAssignedIdentity& each) {
      return each.binding.meta.key() == binding.meta.key();
    });
  };
  for (const core::AzureIdentityBinding& binding : objects.bindings) {
    if (core::selects(binding, pod) || names(binding)) found.bindings.push_back(binding);
  }
  for (const core::AzureIdentity& identity : objects.identities) {
    const bool bound = std::ranges::any_of(found.bindings, [&identity](const core::AzureIdentityBinding& binding) {
      return binding.meta.ns == identity.meta.ns && binding.azure_identity == identity.meta.name;
    });
    const bool assigned = std::ranges::any_of(found.assigned, [&identity](const core::AzureAssignedIdentity& each) {
      return each.identity.meta.key() == identity.meta.key();
    });
    if (bound || assigned) found.identities.push_back(identity);
  }
  for (const core::AzurePodIdentityException& exception : objects.exceptions) {
    if (exception.meta.ns == pod.ns) found.exceptions.push_back(exception);
  }
  return found;
}

}  // namespace podid::cli
