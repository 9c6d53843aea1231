// SPDX-License-Identifier: Apache-2.0
#include "cli/show/findings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/json.hpp"
#include "kube/definition.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kRbac = "rbac.authorization.k8s.io";
constexpr kube::ResourceType kRoles{kRbac, "v1", "roles", "Role"};
constexpr kube::ResourceType kRoleBindings{kRbac, "v1", "rolebindings", "RoleBinding"};
constexpr kube::ResourceType kClusterRoles{kRbac, "v1", "clusterroles", "ClusterRole", false};
constexpr kube::ResourceType kClusterRoleBindings{kRbac, "v1", "clusterrolebindings", "ClusterRoleBinding", false};

std::span<const json::value> elements(const json::value& object, base::JsonPath path) {
  const json::value* list = base::find_path(object, path);
  if (list == nullptr || !list->is_array()) return {};
  return {list->get_array().data(), list->get_array().size()};
}

bool has(const json::value& rule, std::string_view list, std::string_view wanted) {
  return std::ranges::any_of(elements(rule, {list}), [wanted](const json::value& each) {
    return each.is_string() && std::string_view(each.get_string()) == wanted;
  });
}

enum class Right { none, by_name, by_star };

Right right_of(const json::value& rule, std::string_view binding) {
  const bool group = has(rule, "apiGroups", kube::kPodIdentityGroup) || has(rule, "apiGroups", "*");
  const bool resource = has(rule, "resources", kube::kAzureIdentityBindings.plural) || has(rule, "resources", "*");
  const bool named = elements(rule, {"resourceNames"}).empty() || has(rule, "resourceNames", binding);
  if (!group || !resource || !named) return Right::none;
  if (has(rule, "verbs", "approve")) return Right::by_name;
  return has(rule, "verbs", "*") ? Right::by_star : Right::none;
}

Right right_of_role(const json::value& role, std::string_view binding) {
  Right best = Right::none;
  for (const json::value& rule : elements(role, {"rules"})) {
    const Right right = right_of(rule, binding);
    if (right == Right::by_name) return right;
    if (right == Right::by_star) best = right;
  }
  return best;
}

// The role that a (Cluster)RoleBinding names, or null.
const json::value* role_of(const json::value& role_binding, const ApproverRoles& roles) {
  const std::string_view name = base::text_at(role_binding, {"roleRef", "name"});
  const bool cluster_wide = base::text_at(role_binding, {"roleRef", "kind"}) == "ClusterRole";
  const std::string_view ns = base::text_at(role_binding, {"metadata", "namespace"});
  for (const json::value& role : cluster_wide ? roles.cluster_roles : roles.roles) {
    if (base::text_at(role, {"metadata", "name"}) != name) continue;
    if (cluster_wide || base::text_at(role, {"metadata", "namespace"}) == ns) return &role;
  }
  return nullptr;
}

void add_approvers(const json::value& role_binding, std::string_view binding, const ApproverRoles& roles,
                   std::set<std::string>& into) {
  const json::value* role = role_of(role_binding, roles);
  if (role == nullptr) return;
  const Right right = right_of_role(*role, binding);
  if (right == Right::none) return;
  for (const json::value& subject : elements(role_binding, {"subjects"})) {
    const std::string_view kind = base::text_at(subject, {"kind"});
    if (kind == "ServiceAccount") continue;  // the admission policy lets only people approve
    into.insert(fmt::format("{} {} ({} {}{})", kind, base::text_at(subject, {"name"}),
                            base::text_at(role_binding, {"roleRef", "kind"}),
                            base::text_at(role_binding, {"roleRef", "name"}), right == Right::by_star ? ", by *" : ""));
  }
}

base::Task<base::Result<ApproverRoles>> read_roles(Cluster& cluster) {
  ApproverRoles roles;
  struct Reading {
    kube::ResourceType type;
    std::vector<json::value>& into;
  };
  for (const Reading& each :
       {Reading{kClusterRoles, roles.cluster_roles}, Reading{kClusterRoleBindings, roles.cluster_role_bindings},
        Reading{kRoles, roles.roles}, Reading{kRoleBindings, roles.role_bindings}}) {
    auto objects = co_await cluster.list(each.type, "");
    if (!objects) co_return std::unexpected(objects.error());
    each.into = std::move(*objects);
  }
  co_return roles;
}

base::Task<std::string> problem_of_definition(Cluster& cluster) {
  const kube::ObjectKey key = kube::definition_of(kube::kAzureIdentityBindings);
  auto definition = co_await cluster.client().get(kube::kCustomResourceDefinitions, key, cluster.deadline());
  if (!definition) {
    co_return fmt::format("whether the definition of azureidentitybindings keeps spec.access could not be read: {}",
                          definition.error().message);
  }
  if (kube::keeps_spec_member(*definition, kube::kAzureIdentityBindings, "access")) co_return std::string();
  co_return std::string(
      "the CustomResourceDefinition of azureidentitybindings has no spec.access: it is dropped when a binding is "
      "written, "
      "and the binding is not limited; apply deploy/crds, then the bindings again");
}

}  // namespace

std::vector<std::string> approvers_of(const core::ObjectKey& binding, const ApproverRoles& roles) {
  std::set<std::string> approvers;
  for (const json::value& each : roles.cluster_role_bindings) add_approvers(each, binding.name, roles, approvers);
  for (const json::value& each : roles.role_bindings) {
    if (base::text_at(each, {"metadata", "namespace"}) == binding.ns)
      add_approvers(each, binding.name, roles, approvers);
  }
  return {approvers.begin(), approvers.end()};
}

base::Task<Findings> find_problems(Cluster& cluster, std::span<const core::AzureIdentityBinding> bindings,
                                   const core::GrantPolicies& policies) {
  Findings findings;
  std::string definition = co_await problem_of_definition(cluster);
  if (!definition.empty()) findings.problems.push_back(std::move(definition));
  std::vector<const core::AzureIdentityBinding*> wanting_grants;
  for (const core::AzureIdentityBinding& binding : bindings) {
    if (!binding.access) continue;
    if (!binding.access->invalid.empty()) {
      findings.problems.push_back(fmt::format("azureidentitybinding {} denies everything: {}",
                                              binding.meta.key().text(), binding.access->invalid));
    }
    if (binding.access->grant) wanting_grants.push_back(&binding);
  }
  if (wanting_grants.empty()) co_return findings;
  if (!policies.in_place()) {
    findings.problems.push_back(
        fmt::format("no grant counts: {}; apply deploy/policies/grants.yaml", policies.problem));
  } else if (policies.count_from > cluster.now()) {
    findings.problems.push_back("no grant counts yet: the admission policies are newer than a minute");
  }
  auto roles = co_await read_roles(cluster);
  if (!roles) {
    findings.approvers.push_back(fmt::format("who may approve grants could not be read: {}", roles.error().message));
    co_return findings;
  }
  for (const core::AzureIdentityBinding* binding : wanting_grants) {
    if (binding->access->grant->approvals == 0) continue;
    const auto approvers = approvers_of(binding->meta.key(), *roles);
    findings.approvers.push_back(
        fmt::format("binding {}: {}", binding->meta.key().text(),
                    approvers.empty() ? "nobody" : fmt::format("{}", fmt::join(approvers, ", "))));
  }
  co_return findings;
}

}  // namespace podid::cli
