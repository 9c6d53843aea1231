// SPDX-License-Identifier: Apache-2.0
#include "cli/common/access_objects.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/common/read_all.hpp"
#include "core/model/grants_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

// Into the book. A cluster that has no such kind has none of them.
template <class T>
base::Task<base::Result<>> read_into_book(Cluster& cluster, kube::ResourceType type, std::string ns, Reader<T> read,
                                          AccessObjects& into) {
  std::vector<T> objects;
  auto listed = co_await read_all(cluster, type, std::move(ns), read, objects, into.unreadable);
  if (!listed && listed.error().kind != base::ErrorKind::not_found) co_return listed;
  for (T& object : objects) into.grants.put(std::move(object));
  co_return base::Result<>{};
}

// Appends what is there of that name; a sentence where it cannot be known.
base::Task<std::string> read_policy(Cluster& cluster, kube::ResourceType type, std::string_view name,
                                    Reader<core::GrantPolicyObject> read, std::vector<core::GrantPolicyObject>& into) {
  const kube::ObjectKey key{.ns = {}, .name = std::string(name)};
  auto object = co_await cluster.client().get(type, key, cluster.deadline());
  if (!object && object.error().kind == base::ErrorKind::not_found) co_return std::string();
  if (!object) co_return fmt::format("reading {} {}: {}", base::to_lower(type.kind), name, object.error().message);
  auto value = read(*object);
  if (!value) co_return fmt::format("{} {}: {}", base::to_lower(type.kind), name, value.error().message());
  into.push_back(std::move(*value));
  co_return std::string();
}

base::Task<core::GrantPolicies> read_policies(Cluster& cluster) {
  std::vector<core::GrantPolicyObject> objects;
  std::string problem;
  for (const std::string_view name : core::kGrantPolicies) {
    std::string policy =
        co_await read_policy(cluster, kube::kValidatingAdmissionPolicies, name, core::read_grant_policy, objects);
    std::string binding = co_await read_policy(cluster, kube::kValidatingAdmissionPolicyBindings, name,
                                               core::read_grant_policy_binding, objects);
    if (problem.empty()) problem = policy.empty() ? std::move(binding) : std::move(policy);
  }
  core::GrantPolicies policies = core::judge_grant_policies(objects);
  if (!problem.empty()) policies.problem = std::move(problem);
  co_return policies;
}

base::Task<core::Calendar> read_holidays(Cluster& cluster, kube::ObjectKey config_map, std::string key) {
  core::Calendar calendar;
  auto object = co_await cluster.client().get(kube::kConfigMaps, config_map, cluster.deadline());
  if (!object) {
    calendar.problem = fmt::format("ConfigMap {} cannot be read: {}", config_map.to_string(), object.error().message);
    co_return calendar;
  }
  const json::value* text = base::find_path(*object, {"data", key});
  if (text == nullptr || !text->is_string()) {
    calendar.problem = fmt::format("ConfigMap {} has no key {}", config_map.to_string(), key);
    co_return calendar;
  }
  co_return core::read_calendar(text->get_string());
}

}  // namespace

base::Task<> read_calendars(Cluster& cluster, std::span<const core::AzureIdentityBinding> bindings,
                            AccessObjects& into) {
  for (const core::AzureIdentityBinding& binding : bindings) {
    if (!binding.access) continue;
    core::Calendars& known = into.calendars[binding.meta.ns];
    for (const core::AccessWindow& window : binding.access->windows) {
      if (!window.holidays || known.contains(*window.holidays)) continue;
      const kube::ObjectKey config_map{.ns = binding.meta.ns, .name = window.holidays->config_map};
      core::Calendar calendar = co_await read_holidays(cluster, config_map, window.holidays->key);
      known.emplace(*window.holidays, std::move(calendar));
    }
  }
}

base::Task<base::Result<>> read_grants(Cluster& cluster, std::string ns, AccessObjects& into) {
  auto grants = co_await read_into_book(cluster, kube::kAzureIdentityGrants, ns, core::read_azure_identity_grant, into);
  if (!grants) co_return std::unexpected(grants.error());
  auto approvals = co_await read_into_book(cluster, kube::kAzureIdentityGrantApprovals, ns,
                                           core::read_azure_identity_grant_approval, into);
  if (!approvals) co_return std::unexpected(approvals.error());
  core::GrantPolicies policies = co_await read_policies(cluster);
  into.grants.set_policies(std::move(policies));
  co_return base::Result<>{};
}

}  // namespace podid::cli
