// SPDX-License-Identifier: Apache-2.0
#include "cli/common/access_objects.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "core/model/grants_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

template <class T>
using Reader = core::Read<T> (*)(const json::value&);

template <class T>
base::Task<base::Result<>> read_all(Cluster& cluster, kube::ResourceType type, std::string ns, Reader<T> read,
                                    AccessObjects& into) {
  auto objects = co_await cluster.list(type, ns);
  if (!objects && objects.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};
  if (!objects) co_return std::unexpected(objects.error());
  for (const json::value& object : *objects) {
    auto value = read(object);
    if (value) {
      into.grants.put(std::move(*value));
    } else {
      into.unreadable.push_back(fmt::format("{} {}: {}", base::to_lower(type.kind), kube::key_of(object).to_string(),
                                            value.error().message()));
    }
  }
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

}  // namespace

base::Task<base::Result<AccessObjects>> read_access_objects(Cluster& cluster, std::string ns) {
  AccessObjects objects;
  auto grants = co_await read_all(cluster, kube::kAzureIdentityGrants, ns, core::read_azure_identity_grant, objects);
  if (!grants) co_return std::unexpected(grants.error());
  auto approvals = co_await read_all(cluster, kube::kAzureIdentityGrantApprovals, ns,
                                     core::read_azure_identity_grant_approval, objects);
  if (!approvals) co_return std::unexpected(approvals.error());
  core::GrantPolicies policies = co_await read_policies(cluster);
  objects.grants.set_policies(std::move(policies));
  co_return objects;
}

}  // namespace podid::cli
