// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain_objects.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <memory>
#include <set>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/matching.hpp"
#include "core/model/resources_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

template <class T>
using Reader = core::Read<T> (*)(const json::value&);

// All objects of a type, read; what cannot be read goes to `unreadable`.
template <class T>
base::Task<base::Result<std::vector<T>>> list_all(Cluster& cluster, kube::ResourceType type, std::string ns,
                                                  Reader<T> read, std::vector<std::string>& unreadable) {
  auto listed = co_await cluster.list(type, ns);
  if (!listed) co_return std::unexpected(listed.error());
  std::vector<T> objects;
  for (const json::value& item : *listed) {
    auto object = read(item);
    if (object) {
      objects.push_back(std::move(*object));
    } else {
      unreadable.push_back(fmt::format("{} {}: {}", base::to_lower(type.kind), kube::key_of(item).to_string(),
                                       object.error().message()));
    }
  }
  co_return objects;
}

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

base::Task<base::Result<>> read_policy(Cluster& cluster, PolicyReading reading, PodObjects& objects) {
  const kube::ObjectKey key{.ns = {}, .name = std::string(core::kIdentityPolicyName)};
  auto found = co_await cluster.client().get(kube::kAzureIdentityPolicies, key, cluster.deadline());
  if (!found && found.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};
  if (!found && reading == PolicyReading::needed) {
    co_return base::fail(std::move(found.error()), "reading AzureIdentityPolicy default");
  }
  if (!found) {
    objects.unreadable.push_back("azureidentitypolicy default: " + found.error().message);
    co_return base::Result<>{};
  }
  objects.has_policy = true;
  auto policy = core::IdentityPolicy::read(*found);
  if (!policy) {
    objects.permissions.set_unreadable(policy.error().message());
    co_return base::Result<>{};
  }
  objects.permissions.set_policy(std::make_shared<const core::IdentityPolicy>(std::move(*policy)));
  if (objects.permissions.goes_by_labels()) co_await read_labels(cluster, objects);
  co_return base::Result<>{};
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
  auto bindings = co_await list_all(cluster, kube::kAzureIdentityBindings, "", core::read_azure_identity_binding,
                                    objects.unreadable);
  if (!bindings) co_return std::unexpected(std::move(bindings.error()));
  objects.bindings = std::move(*bindings);
  auto identities =
      co_await list_all(cluster, kube::kAzureIdentities, "", core::read_azure_identity, objects.unreadable);
  if (!identities) co_return std::unexpected(std::move(identities.error()));
  objects.identities = std::move(*identities);
  auto exceptions = co_await list_all(cluster, kube::kAzurePodIdentityExceptions, pod.ns,
                                      core::read_azure_pod_identity_exception, objects.unreadable);
  if (!exceptions) co_return std::unexpected(std::move(exceptions.error()));
  objects.exceptions = std::move(*exceptions);
  auto assigned = co_await list_all(cluster, kube::kAzureAssignedIdentities, "", core::read_azure_assigned_identity,
                                    objects.unreadable);
  if (!assigned) co_return std::unexpected(std::move(assigned.error()));
  for (core::AzureAssignedIdentity& one : *assigned) {
    if (one.pod == pod.name && one.pod_namespace == pod.ns) objects.assigned.push_back(std::move(one));
  }
  co_await read_access(cluster, objects);
  if (policy == PolicyReading::none) co_return objects;
  auto with_policy = co_await read_policy(cluster, policy, objects);
  if (!with_policy) co_return std::unexpected(std::move(with_policy.error()));
  co_return objects;
}

}  // namespace podid::cli
