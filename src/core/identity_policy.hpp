// SPDX-License-Identifier: Apache-2.0
// Who may use which identity (SEC-10): the rules of the one AzureIdentityPolicy, and what they say of an identity and a pod's
// namespace. The MIC, the NMI and `podid explain` ask it, with --identity-policy=enforce. Pure; const members are thread-safe.
//
// An identity is what its AzureIdentity says it is: of type 0 the resource ID (where it has none, which managed mode alone
// serves, the client ID), of the other types the client ID. All compare without regard to case.
#pragma once
#include <array>
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/model/invalid.hpp"
#include "core/model/object_meta.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

// --identity-policy
enum class IdentityPolicyMode : bool { off, enforce };

// The object that counts; the CRD refuses others.
inline constexpr std::string_view kIdentityPolicyName = "default";
// Of the labels of Namespaces that rules may go by: a ValidatingAdmissionPolicy of ours protects them, while any Role within a
// namespace may let a tenant change its other labels.
inline constexpr std::string_view kPolicyLabelPrefix = "policy.aadpodidentity.k8s.io/";

// Bounds of deploy/crds, in bytes or items.
inline constexpr std::size_t kMostPolicyRules = 1000;
inline constexpr std::size_t kMostPolicyItems = 64;  // IDs, and namespaces, of a rule
inline constexpr std::size_t kMostPolicyText = 63;   // names of rules and namespaces, values of labels

struct IdentityRule {
  std::string name;
  std::set<std::string, std::less<>> namespaces;  // by name, or
  StringMap namespace_labels;                     // by labels that it must have, all of them
  std::vector<std::int64_t> types;                // empty: any
  std::vector<std::string>
      require_access;  // what spec.access of a binding must have, all of it: "grant", "windows", "notAfter"
  // A member that we do not know, or what else is wrong with the rule. Then nobody may use its identities: whatever it was to
  // say, it may have been a restriction.
  std::string not_understood;

  bool operator==(const IdentityRule&) const = default;
};

// The rules of the object, with an index of their identities. Immutable.
class IdentityPolicy {
 public:
  // Problems of the object as a whole; those of a rule are left to it (not_understood).
  static Read<IdentityPolicy> read(const boost::json::value& object);

  bool operator==(const IdentityPolicy&) const = default;
  bool goes_by_labels() const { return !rules_by_labels_.empty(); }
  // Whether some rule names the namespace, or is not understood and may mean it.
  bool may_name(std::string_view ns) const { return any_not_understood_ || namespaces_.contains(ns); }
  template <class Visit>
  void each_rule_by_labels(Visit&& visit) const {
    for (const std::uint32_t index : rules_by_labels_) visit(rules_[index]);
  }
  // Calls `visit` for each rule that names the identity, its type included; for some twice.
  template <class Visit>
  void each_rule_of(const AzureIdentity& identity, Visit&& visit) const {
    for (const std::vector<std::uint32_t>* rules : rules_of(identity)) {
      if (rules == nullptr) continue;
      for (const std::uint32_t index : *rules) {
        if (is_of_type(rules_[index], identity.type)) visit(rules_[index]);
      }
    }
  }

 private:
  struct NoCase {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  using Index = std::unordered_map<std::string, std::vector<std::uint32_t>, NoCase, NoCase>;

  std::array<const std::vector<std::uint32_t>*, 2> rules_of(const AzureIdentity& identity) const;
  static bool is_of_type(const IdentityRule& rule, IdentityType type);

  std::vector<IdentityRule> rules_;
  Index by_resource_id_;  // whole IDs, and those of resource groups up to the slash before the name
  Index by_client_id_;
  std::set<std::string, std::less<>> namespaces_;  // that rules name
  std::vector<std::uint32_t> rules_by_labels_;
  bool any_not_understood_ = false;
};

// Of a Namespace, those labels that rules may go by.
struct PolicyLabels {
  std::string ns;
  StringMap labels;
};
Read<PolicyLabels> read_policy_labels(const boost::json::value& object);

struct PolicyVerdict {
  enum class Denial : std::uint8_t {
    none,             // allowed
    no_policy,        // there is no object, or one that cannot be read
    no_rule,          // that names the identity and the namespace
    access_required,  // the rule's require_access, which the binding's access has not
    not_understood,   // the rule has what a newer release knows
    labels_unknown,   // those of the namespace, which decide, have not been read yet
  };
  Denial denial = Denial::none;
  std::string_view ns;                 // denied: the namespace that it is about, the pod's or the identity's
  const IdentityRule* rule = nullptr;  // of `none`, `access_required`, `not_understood`; in the policy's keeping

  bool allowed() const { return denial == Denial::none; }
};

// The policy as it is known, and the labels of Namespaces that it goes by.
class IdentityPermissions {
 public:
  // Null: there is none. False: that is what was known.
  bool set_policy(std::shared_ptr<const IdentityPolicy> policy);
  // There is one, and this is wrong with it. False: that is what was known.
  bool set_unreadable(std::string problem);
  // False: they are those that were known.
  bool put_namespace(PolicyLabels labels);
  bool erase_namespace(const std::string& name) { return labels_.erase(name) > 0; }
  bool goes_by_labels() const { return policy_ && policy_->goes_by_labels(); }

  // Whether both the AzureIdentity's namespace and the pod's may use it, by a binding with that access (null: it has none).
  // Every rule that covers the identity in one of them has its say: one has to allow it, and what any of them requires is
  // required. Allocates nothing. Valid while the permissions are not changed.
  PolicyVerdict judge(const AzureIdentity& identity, std::string_view pod_namespace,
                      const Access* access = nullptr) const;

  // Whether the namespace may use any identity at all.
  PolicyVerdict judge_namespace(std::string_view ns) const;

  // The sentence about a verdict, without a full stop, and what to do about a denial. `identity`: null where the verdict is
  // about a namespace.
  std::string denial_text(const PolicyVerdict& verdict, const AzureIdentity* identity) const;
  std::string remedy_text(const PolicyVerdict& verdict, const AzureIdentity* identity) const;

 private:
  PolicyVerdict judge_use(const AzureIdentity& identity, std::string_view ns, const Access* access) const;

  std::shared_ptr<const IdentityPolicy> policy_;
  std::string problem_;                                   // of an object that cannot be read
  std::map<std::string, StringMap, std::less<>> labels_;  // of the namespaces that are known
};

}  // namespace podid::core
