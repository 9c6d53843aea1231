// SPDX-License-Identifier: Apache-2.0
#include "core/decide_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/matching.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"
#include "core/refusal_text.hpp"

namespace podid::core {
namespace {

std::string object_of(const AzureIdentity& identity) { return "azureidentity " + identity.meta.key().text(); }
std::string object_of(const AzureIdentityBinding& binding) {
  return "azureidentitybinding " + binding.meta.key().text();
}
std::string object_of(const AzureAssignedIdentity& assigned) {
  return "azureassignedidentity " + assigned.meta.key().text();
}
std::string pod_of(const DecisionInput& input) { return fmt::format("pod {}/{}", input.pod_namespace, input.pod_name); }

void pass(CheckList& checks, CheckId id, std::string object, std::string text) {
  checks.push_back({id, std::move(object), CheckOutcome::passed, std::move(text), {}});
}
void skip(CheckList& checks, CheckId id, std::string object, std::string text) {
  checks.push_back({id, std::move(object), CheckOutcome::skipped, std::move(text), {}});
}
void fail(CheckList& checks, CheckId id, std::string object, std::string text, std::string remedy) {
  checks.push_back({id, std::move(object), CheckOutcome::failed, std::move(text), std::move(remedy)});
}

// What the policy says of the identity, where there is one.
void record_policy(const DecisionInput& input, const AzureIdentity& identity, const AzureIdentityBinding& binding,
                   CheckList& checks) {
  if (input.permissions == nullptr) return;
  const PolicyVerdict verdict = judge_by_policy(input, identity, binding);
  const std::string text = input.permissions->denial_text(verdict, &identity);
  if (verdict.allowed()) {
    pass(checks, CheckId::identity_policy, object_of(identity), text);
  } else {
    fail(checks, CheckId::identity_policy, object_of(identity), text,
         input.permissions->remedy_text(verdict, &identity));
  }
}

void record_identity_of(const DecisionInput& input, const AzureIdentityBinding& binding, CheckList& checks) {
  const auto found = std::ranges::find_if(input.identities, [&binding](const AzureIdentity* identity) {
    return identity->meta.ns == binding.meta.ns && identity->meta.name == binding.azure_identity;
  });
  if (found == input.identities.end()) {
    fail(checks, CheckId::identity_exists, object_of(binding),
         fmt::format("names azureidentity {}/{}, which does not exist", binding.meta.ns, binding.azure_identity),
         fmt::format("create that AzureIdentity, or correct spec.azureIdentity of {}", object_of(binding)));
    return;
  }
  const AzureIdentity& identity = **found;
  if (input.mode == OperationMode::standard && identity.user_assigned() &&
      !is_valid_identity_resource_id(identity.resource_id)) {
    fail(checks, CheckId::identity_exists, object_of(identity), invalid_resource_id_text(identity.resource_id),
         "correct spec.resourceID; the MIC ignores the AzureIdentity until then");
    return;
  }
  if (identity.unnamed()) {
    fail(checks, CheckId::identity_exists, object_of(identity), "has neither a client ID nor a resource ID",
         "set spec.clientID of the managed identity");
    return;
  }
  pass(checks, CheckId::identity_exists, object_of(identity), "exists; named by " + object_of(binding));
  if (input.mode == OperationMode::standard &&
      !namespaces_allow(identity, binding.meta.ns, input.pod_namespace, input.namespaced)) {
    fail(checks, CheckId::namespace_rule, object_of(identity),
         fmt::format("may only be used by pods of namespace {}", identity.meta.ns),
         fmt::format("create AzureIdentity and AzureIdentityBinding in namespace {}", input.pod_namespace));
    return;
  }
  record_policy(input, identity, binding, checks);
}

// What its spec.access says now, where it is limited.
void record_access(const DecisionInput& input, const AzureIdentityBinding& binding, CheckList& checks) {
  const AccessOfBinding* known = find_access(input, binding);
  if (known == nullptr) return;
  const std::string text = known->by->text(input.now);
  if (known->state.open()) {
    pass(checks, CheckId::access, object_of(binding), text);
  } else {
    fail(checks, CheckId::access, object_of(binding), text, access_remedy(known->state));
  }
}

void record_status(const AzureAssignedIdentity& assigned, AssignmentVerdict verdict, CheckList& checks) {
  switch (verdict) {
    case AssignmentVerdict::created:
      fail(
          checks, CheckId::assignment_status, object_of(assigned),
          fmt::format("is Created: the identity is not yet confirmed on node {}", assigned.node_name),
          fmt::format("wait; if it stays, look at the events of {} and at the MIC's log", object_of(assigned.binding)));
      break;
    case AssignmentVerdict::leaving:
      fail(checks, CheckId::assignment_status, object_of(assigned),
           fmt::format("is {}: the identity is being taken away", assigned.status),
           "wait until the MIC has made a new one; if it does not, look at the MIC's log");
      break;
    default:
      pass(checks, CheckId::assignment_status, object_of(assigned),
           assigned.status.empty() ? "has no status: written by a release before 1.5, counts as assigned"
                                   : "is Assigned");
  }
}

}  // namespace

void record_pod_unknown(const DecisionInput& input, CheckList& checks) {
  if (input.mode == OperationMode::managed) {
    fail(checks, CheckId::pod_known, pod_of(input), "is not known on this node",
         "check the pod's name and namespace, and that it runs on this node");
  } else {
    skip(checks, CheckId::pod_known, pod_of(input), "is not known on this node; its assignments are looked at alone");
  }
}

void record_label(const DecisionInput& input, CheckList& checks) {
  pass(checks, CheckId::pod_known, pod_of(input), "exists");
  const auto label = input.pod->binding_label();
  if (label.empty()) {
    fail(checks, CheckId::binding_label, pod_of(input), fmt::format("has no label {}", kBindingLabel),
         fmt::format("label the pod (in its template) {}=<spec.selector of an AzureIdentityBinding>", kBindingLabel));
  } else {
    pass(checks, CheckId::binding_label, pod_of(input), fmt::format("has label {}={}", kBindingLabel, label));
  }
}

void record_rules(const DecisionInput& input, CheckList& checks) {
  bool selected = false;
  for (const AzureIdentityBinding* binding : input.bindings) {
    if (!selects(*binding, *input.pod)) continue;
    if (input.mode == OperationMode::managed && binding->meta.ns != input.pod_namespace) {
      skip(checks, CheckId::binding_selects, object_of(*binding),
           "selects the pod's label, but lies in another namespace");
      continue;
    }
    selected = true;
    pass(checks, CheckId::binding_selects, object_of(*binding), fmt::format("selects {}", pod_of(input)));
    record_identity_of(input, *binding, checks);
    record_access(input, *binding, checks);
  }
  if (!selected) {
    const auto label = input.pod->binding_label();
    fail(checks, CheckId::binding_selects, pod_of(input),
         fmt::format("no AzureIdentityBinding{} has spec.selector {}",
                     input.mode == OperationMode::managed ? fmt::format(" of namespace {}", input.pod_namespace) : "",
                     label),
         fmt::format("create an AzureIdentityBinding with spec.selector {}, or correct the pod's label {}", label,
                     kBindingLabel));
  }
}

void record_no_assignment(const DecisionInput& input, CheckList& checks) {
  skip(checks, CheckId::assignment_exists, pod_of(input),
       "has no AzureAssignedIdentity: the MIC makes one when the checks above have passed");
}

void record_missing_assignment(const DecisionInput& input, CheckList& checks) {
  fail(checks, CheckId::assignment_exists, pod_of(input), "has no AzureAssignedIdentity",
       input.bindings_known
           ? "wait for the MIC to make it; if it does not come, check that the MIC runs and look at its log"
           : "wait for the MIC to make it; if it does not come, check that an AzureIdentityBinding selects "
             "the pod and look at the MIC's log");
}

void record_assignment(const DecisionInput& input, const AzureAssignedIdentity& assigned, AssignmentVerdict verdict,
                       std::string_view distrust, CheckList& checks) {
  pass(checks, CheckId::assignment_exists, object_of(assigned),
       fmt::format("is for {} and {}", pod_of(input), object_of(assigned.identity)));
  if (verdict == AssignmentVerdict::untrusted) {
    fail(
        checks, CheckId::assignment_trusted, object_of(assigned), fmt::format("is not trusted: {}", distrust),
        "wait for the MIC to put it right; if it does not, delete it, and check who may write AzureAssignedIdentities");
    return;
  }
  pass(checks, CheckId::assignment_trusted, object_of(assigned), "is as the controller writes it");
  if (input.request.specific()) {
    record_request(input, assigned.identity,
                   verdict == AssignmentVerdict::not_requested ? Fit::another : Fit::asked_for, checks);
    if (verdict == AssignmentVerdict::not_requested) return;
  }
  if (verdict == AssignmentVerdict::other_namespace) {
    fail(checks, CheckId::namespace_rule, object_of(assigned.identity),
         fmt::format("may only be used by pods of namespace {}", assigned.identity.meta.ns),
         fmt::format("create AzureIdentity and AzureIdentityBinding in namespace {}", input.pod_namespace));
    return;
  }
  record_policy(input, assigned.identity, assigned.binding, checks);
  if (verdict == AssignmentVerdict::policy_denied) return;
  record_access(input, assigned.binding, checks);
  if (verdict != AssignmentVerdict::closed) record_status(assigned, verdict, checks);
}

void record_request(const DecisionInput& input, const AzureIdentity& identity, Fit fit, CheckList& checks) {
  if (fit == Fit::asked_for) {
    pass(checks, CheckId::identity_requested, object_of(identity), "is the identity asked for");
  } else {
    fail(checks, CheckId::identity_requested, object_of(identity), fmt::format("is not {}", describe(input.request)),
         "ask for this identity, or bind the pod to the one that it asks for");
  }
}

void record_choice(const DecisionInput& input, const Decision& decision, CheckList& checks) {
  pass(checks, CheckId::choice, object_of(*decision.identity),
       decision.candidates <= 1
           ? fmt::format("is used for {}", pod_of(input))
           : fmt::format("is used for {}: the first of {} (own namespace, then namespace, weight and name)",
                         pod_of(input), decision.candidates));
}

}  // namespace podid::core
