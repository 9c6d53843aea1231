// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain_objects.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <memory>
#include <set>
#include <utility>

#include "base/json.hpp"
#include "cli/common/read_all.hpp"
#include "core/matching.hpp"
#include "core/model/resources_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

// The pod is not there: the commonest reason is that it is in another namespace.
base::Task<base::Error> no_such_pod(Cluster& cluster, kube::ObjectKey pod, base::Error error) {
  error.message = fmt::format("pod {} does not exist", pod.to_string());
  const kube::ListOptions same_name{.field_selector = "metadata.name=" + pod.name};
  auto answer = co_await cluster.client().list(kube::kPods, same_name, cluster.deadline());
  const json::value* items = answer ? base::find_path(*answer, {"items"}) : nullptr;
  if (items == nullptr || !items->is_array() || items->get_array().empty()) co_return error;
  std::vector<std::string> elsewhere;
  for (const json::value& item : items->get_array()) elsewhere.push_back(kube::key_of(item).ns);
  error.message += fmt::format("; there is one of that name in: {} (use -n)", fmt::join(elsewhere, ", "));
  co_return error;
}

// The namespaces whose labels may decide what the pod gets.
std::set<std::string> namespaces_that_matter(const PodObjects& objects) {
  std::set<std::string> namespaces{objects.pod.ns};
  for (const core::AzureIdentityBinding& binding : objects.bindings) {
    if (core::selects(binding, objects.pod)) namespaces.insert(binding.meta.ns);
  }
  for (const core::AzureAssignedIdentity& assigned : objects.assigned) namespaces.insert(assigned.identity.meta.ns);
  return namespaces;
}

base::Task<> read_labels(Cluster& cluster, PodObjects& objects) {
  for (const std::string& ns : namespaces_that_matter(objects)) {
    const kube::ObjectKey key{.ns = {}, .name = ns};
    auto found = co_await cluster.client().get(kube::kNamespaces, key, cluster.deadline());
    if (!found) {
      objects.unreadable.push_back(fmt::format("namespace {}: {}", ns, found.error().message));
      continue;
    }
    auto labels = core::read_policy_labels(*found);
    if (labels) objects.permissions.put_namespace(std::move(*labels));
  }
}

// What spec.access of the pod's bindings goes by. What may not be read of it is said, and counts as not there.
base::Task<> read_access(Cluster& cluster, PodObjects& objects) {
  std::set<std::string> namespaces;
  std::vector<core::AzureIdentityBinding> limited;
  for (const core::AzureIdentityBinding& binding : objects.bindings) {
    if (!binding.access || !core::selects(binding, objects.pod)) continue;
    limited.push_back(binding);
    if (binding.access->grant) namespaces.insert(binding.meta.ns);
  }
  if (limited.empty()) co_return;
  auto access = std::make_shared<AccessObjects>();
  co_await read_calendars(cluster, limited, *access);
  for (const std::string& ns : namespaces) {
    const auto read = co_await read_grants(cluster, ns, *access);
    if (!read) objects.unreadable.push_back(read.error().message);
  }
  objects.unreadable.insert(objects.unreadable.end(), access->unreadable.begin(), access->unreadable.end());
  objects.access = std::move(access);
}

}  // namespace

base::Task<base::Result<PodObjects>> read_pod_objects(Cluster& cluster, kube::ObjectKey pod, PolicyReading policy) {
  auto found = co_await cluster.client().get(kube::kPods, pod, cluster.deadline());
  if (!found && found.error().kind == base::ErrorKind::not_found) {
    auto error = co_await no_such_pod(cluster, pod, std::move(found.error()));
    co_return std::unexpected(std::move(error));
  }
  if (!found) co_return base::fail(std::move(found.error()), "reading pod " + pod.to_string());
  auto read = core::read_pod(*found);
  if (!read) {
    co_return base::fail(base::ErrorKind::invalid, fmt::format("pod {}: {}", pod.to_string(), read.error().message()));
  }

  PodObjects objects{.pod = std::move(*read)};
  auto bindings = co_await read_all(cluster, kube::kAzureIdentityBindings, "", core::read_azure_identity_binding,
                                    objects.bindings, objects.unreadable);
  if (!bindings) co_return std::unexpected(std::move(bindings.error()));
  auto identities = co_await read_all(cluster, kube::kAzureIdentities, "", core::read_azure_identity,
                                      objects.identities, objects.unreadable);
  if (!identities) co_return std::unexpected(std::move(identities.error()));
  auto exceptions = co_await read_all(cluster, kube::kAzurePodIdentityExceptions, pod.ns,
                                      core::read_azure_pod_identity_exception, objects.exceptions, objects.unreadable);
  if (!exceptions) co_return std::unexpected(std::move(exceptions.error()));
  auto assigned = co_await read_all(cluster, kube::kAzureAssignedIdentities, "", core::read_azure_assigned_identity,
                                    objects.assigned, objects.unreadable);
  if (!assigned) co_return std::unexpected(std::move(assigned.error()));
  std::erase_if(objects.assigned, [&pod](const core::AzureAssignedIdentity& one) {
    return one.pod != pod.name || one.pod_namespace != pod.ns;
  });
  co_await read_access(cluster, objects);
  const auto has_policy = co_await read_identity_policy(cluster, policy, objects.permissions, objects.unreadable);
  if (!has_policy) co_return std::unexpected(has_policy.error());
  objects.has_policy = *has_policy;
  if (objects.permissions.goes_by_labels()) co_await read_labels(cluster, objects);
  co_return objects;
}

}  // namespace podid::cli
