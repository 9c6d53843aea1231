// SPDX-License-Identifier: Apache-2.0
#include "core/identity_policy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "core/model/ascii.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/resources_json.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

constexpr std::string_view kObject = "AzureIdentityPolicy default";
constexpr std::string_view kWildcard = "/*";

void note_unknown(IdentityRule& rule, const json::object& others, std::string_view where) {
  if (rule.not_understood.empty() && !others.empty()) {
    rule.not_understood =
        fmt::format("member {}{}, which this release does not know", where, std::string_view(others.begin()->key()));
  }
}

void read_namespaces(IdentityRule& rule, const JsonFields& fields) {
  const std::vector<std::string> names = fields.list("names", kMostPolicyItems, kMostPolicyText);
  rule.namespaces.insert(names.begin(), names.end());
  rule.namespace_labels = fields.strings("matchLabels", kMostPolicyItems, kMostLabelKey);
  note_unknown(rule, fields.others({"names", "matchLabels"}), "namespaces.");
  if (rule.namespaces.empty() == rule.namespace_labels.empty()) {
    rule.not_understood = "namespaces without either names or matchLabels";
  }
  for (const auto& [key, value] : rule.namespace_labels) {
    if (!key.starts_with(kPolicyLabelPrefix)) rule.not_understood = "label " + key + ", which nothing protects";
  }
}

bool has_labels(const StringMap& labels, const StringMap& wanted) {
  return std::ranges::all_of(wanted, [&labels](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && found->second == one.second;
  });
}

// A word that is not known here asks for what no binding has.
bool has_required(const IdentityRule& rule, const Access* access) {
  return std::ranges::all_of(rule.require_access, [access](std::string_view part) {
    if (access == nullptr) return false;
    return (part == "grant" && access->grant) || (part == "windows" && !access->windows.empty()) ||
           (part == "notAfter" && access->not_after);
  });
}

std::string described(const AzureIdentity& identity) {
  const auto type = static_cast<std::int64_t>(identity.type);
  if (identity.user_assigned() && !identity.resource_id.empty()) {
    return fmt::format("AzureIdentity {} (type {}, resource ID {})", identity.meta.key().text(), type,
                       identity.resource_id.text());
  }
  return fmt::format("AzureIdentity {} (type {}, by its client ID)", identity.meta.key().text(), type);
}

}  // namespace

// FNV-1a.
std::size_t IdentityPolicy::NoCase::operator()(std::string_view text) const {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(ascii_lower(c))) * 0x100000001b3U;
  return hash;
}

bool IdentityPolicy::NoCase::operator()(std::string_view a, std::string_view b) const {
  return equal_ignoring_case(a, b);
}

Read<IdentityPolicy> IdentityPolicy::read(const json::value& object) {
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  IdentityPolicy policy;
  root.object("spec").each("rules", [&policy](const JsonFields& fields) {
    IdentityRule rule;
    rule.name = fields.text("name", kMostPolicyText);
    read_namespaces(rule, fields.object("namespaces"));
    rule.types = fields.integers("types", kMostPolicyItems);
    rule.require_access = fields.list("requireAccess", kMostPolicyItems, kMostPolicyText);
    if (fields.has("requireAccess") && rule.require_access.empty())
      rule.not_understood = "requireAccess without a word";
    note_unknown(rule, fields.others({"name", "namespaces", "types", "resourceIDs", "clientIDs", "requireAccess"}), "");
    const auto index = static_cast<std::uint32_t>(policy.rules_.size());
    for (std::string& id : fields.list("resourceIDs", kMostPolicyItems, kMostResourceId)) {
      // A group's is kept up to its last slash. One of another form names nothing that is ever asked of Azure.
      const bool group = id.ends_with(kWildcard);
      if (group) id.pop_back();
      const std::string whole = group ? id + "any" : id;
      if (is_valid_identity_resource_id(ResourceIdView(whole))) {
        policy.by_resource_id_[std::move(id)].push_back(index);
      }
    }
    for (std::string& id : fields.list("clientIDs", kMostPolicyItems, kMostClientId)) {
      if (!id.empty()) policy.by_client_id_[std::move(id)].push_back(index);
    }
    if (!rule.not_understood.empty()) {
      policy.any_not_understood_ = true;
    } else if (rule.namespaces.empty()) {
      policy.rules_by_labels_.push_back(index);
    } else {
      policy.namespaces_.insert(rule.namespaces.begin(), rule.namespaces.end());
    }
    policy.rules_.push_back(std::move(rule));
  });
  if (!problem && policy.rules_.size() > kMostPolicyRules) {
    problem = Invalid{"spec.rules",
                      fmt::format("expected at most {} items, found {}", kMostPolicyRules, policy.rules_.size())};
  }
  if (problem) return std::unexpected(*std::move(problem));
  return policy;
}

Read<PolicyLabels> read_policy_labels(const json::value& object) {
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  const JsonFields meta = root.object("metadata");
  PolicyLabels read{.ns = meta.text("name"), .labels = meta.strings("labels")};
  if (problem) return std::unexpected(*std::move(problem));
  std::erase_if(read.labels, [](const auto& label) { return !label.first.starts_with(kPolicyLabelPrefix); });
  return read;
}

std::array<const std::vector<std::uint32_t>*, 2> IdentityPolicy::rules_of(const AzureIdentity& identity) const {
  const auto find = [](const Index& index, std::string_view id) {
    const auto found = index.find(id);
    return found == index.end() ? nullptr : &found->second;
  };
  if (!identity.user_assigned() || identity.resource_id.empty()) {
    return {find(by_client_id_, identity.client_id.text()), nullptr};
  }
  const std::string_view id = identity.resource_id.text();
  const std::size_t name = id.rfind('/') + 1;
  if (!is_azure_name(id.substr(name))) return {};  // "…/*" itself, a dot segment
  return {find(by_resource_id_, id), find(by_resource_id_, id.substr(0, name))};
}

bool IdentityPolicy::is_of_type(const IdentityRule& rule, IdentityType type) {
  return rule.types.empty() || std::ranges::find(rule.types, static_cast<std::int64_t>(type)) != rule.types.end();
}

bool IdentityPermissions::set_policy(std::shared_ptr<const IdentityPolicy> policy) {
  const bool are_both = policy && policy_;
  if (problem_.empty() && (are_both ? *policy == *policy_ : policy == policy_)) return false;
  policy_ = std::move(policy);
  problem_.clear();
  return true;
}

bool IdentityPermissions::set_unreadable(std::string problem) {
  if (!policy_ && problem_ == problem) return false;
  policy_ = nullptr;
  problem_ = std::move(problem);
  return true;
}

bool IdentityPermissions::put_namespace(PolicyLabels labels) {
  const auto known = labels_.find(labels.ns);
  if (known != labels_.end() && known->second == labels.labels) return false;
  labels_.insert_or_assign(std::move(labels.ns), std::move(labels.labels));
  return true;
}

PolicyVerdict IdentityPermissions::judge_use(const AzureIdentity& identity, std::string_view ns,
                                             const Access* access) const {
  using Denial = PolicyVerdict::Denial;
  if (!policy_) return {.denial = Denial::no_policy, .ns = ns};
  const auto labels = labels_.find(ns);
  const IdentityRule* allowing = nullptr;
  const IdentityRule* requiring = nullptr;
  const IdentityRule* broken = nullptr;
  bool unknown = false;
  bool unknown_requirement = false;  // labels that are not known must not lift one
  policy_->each_rule_of(identity, [&](const IdentityRule& rule) {
    const bool requires_access = !has_required(rule, access);
    if (!rule.not_understood.empty()) {
      broken = &rule;
    } else if (rule.namespaces.empty() && labels == labels_.end()) {
      (requires_access ? unknown_requirement : unknown) = true;
    } else if (rule.namespaces.empty() ? has_labels(labels->second, rule.namespace_labels)
                                       : rule.namespaces.contains(ns)) {
      (requires_access ? requiring : allowing) = &rule;
    }
  });
  if (broken != nullptr) return {.denial = Denial::not_understood, .ns = ns, .rule = broken};
  if (requiring != nullptr) return {.denial = Denial::access_required, .ns = ns, .rule = requiring};
  if (unknown_requirement) return {.denial = Denial::labels_unknown, .ns = ns};
  if (allowing != nullptr) return {.denial = Denial::none, .ns = ns, .rule = allowing};
  return {.denial = unknown ? Denial::labels_unknown : Denial::no_rule, .ns = ns};
}

PolicyVerdict IdentityPermissions::judge_namespace(std::string_view ns) const {
  using Denial = PolicyVerdict::Denial;
  if (!policy_) return {.denial = Denial::no_policy, .ns = ns};
  if (policy_->may_name(ns)) return {.ns = ns};
  const auto labels = labels_.find(ns);
  if (policy_->goes_by_labels() && labels == labels_.end()) return {.denial = Denial::labels_unknown, .ns = ns};
  bool covered = false;
  policy_->each_rule_by_labels(
      [&](const IdentityRule& rule) { covered |= has_labels(labels->second, rule.namespace_labels); });
  return {.denial = covered ? Denial::none : Denial::no_rule, .ns = ns};
}

PolicyVerdict IdentityPermissions::judge(const AzureIdentity& identity, std::string_view pod_namespace,
                                         const Access* access) const {
  const PolicyVerdict of_declaration = judge_use(identity, identity.meta.ns, access);
  if (!of_declaration.allowed() || identity.meta.ns == pod_namespace) return of_declaration;
  return judge_use(identity, pod_namespace, access);
}

std::string IdentityPermissions::denial_text(const PolicyVerdict& verdict, const AzureIdentity* identity) const {
  using Denial = PolicyVerdict::Denial;
  const std::string what = identity == nullptr ? "any identity" : described(*identity);
  switch (verdict.denial) {
    case Denial::none:
      break;
    case Denial::no_policy:
      return problem_.empty() ? fmt::format("there is no {}, and without one no identity may be used", kObject)
                              : fmt::format("{} cannot be read ({}), so no identity may be used", kObject, problem_);
    case Denial::no_rule:
      return fmt::format("{} has no rule that lets namespace {} use {}", kObject, verdict.ns, what);
    case Denial::access_required:
      return fmt::format("rule {} of {} lets namespace {} use {} only by bindings whose spec.access has {}",
                         verdict.rule->name, kObject, verdict.ns, what, fmt::join(verdict.rule->require_access, ", "));
    case Denial::not_understood:
      return fmt::format("rule {} of {} is not understood ({}), so nobody may use {}", verdict.rule->name, kObject,
                         verdict.rule->not_understood, what);
    case Denial::labels_unknown:
      return fmt::format("{} goes by labels of namespaces, and those of namespace {} are not known yet", kObject,
                         verdict.ns);
  }
  return fmt::format("rule {} of {} lets namespace {} use it", verdict.rule->name, kObject, verdict.ns);
}

std::string IdentityPermissions::remedy_text(const PolicyVerdict& verdict, const AzureIdentity* identity) const {
  using Denial = PolicyVerdict::Denial;
  switch (verdict.denial) {
    case Denial::none:
      break;
    case Denial::no_policy:
      return problem_.empty() ? "create it (deploy/examples/azureidentitypolicy.yaml is a start)" : "correct it";
    case Denial::no_rule: {
      const bool by_client = identity != nullptr && (!identity->user_assigned() || identity->resource_id.empty());
      return fmt::format("who may change that policy can let it, by a rule with namespace {} and the {}", verdict.ns,
                         by_client ? "client ID (clientIDs)" : "resource ID (resourceIDs)");
    }
    case Denial::access_required:
      return "add it to the binding; who may change that policy can take requireAccess out of the rule";
    case Denial::not_understood:
      return "correct the rule, or install the release that it was written for";
    case Denial::labels_unknown:
      return "wait; if it lasts, look whether the namespace exists and whether the daemons may read namespaces";
  }
  return {};
}

}  // namespace podid::core
