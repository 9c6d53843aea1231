// SPDX-License-Identifier: Apache-2.0
#include "core/refusal_text.hpp"

#include <fmt/format.h>

#include "core/model/naming.hpp"
#include "core/model/redact.hpp"

namespace podid::core {
namespace {

std::string legacy_no_match(const IdentityRequest& request) {
  return fmt::format("no azure identity found for request clientID {}", redact(request.client_id.text()));
}

std::string legacy_failed_after(const DecisionInput& input, std::string_view state, int attempts,
                                int interval_seconds) {
  return fmt::format(
      "getting assigned identities for pod {}/{} in {} state failed after {} attempts, retry duration [{}]s, error: "
      "<nil>. Check MIC pod logs for identity assignment errors",
      input.pod_namespace, input.pod_name, state, attempts, interval_seconds);
}

PolicyVerdict policy_verdict(const DecisionInput& input, const Decision& decision) {
  return decision.denied == nullptr ? input.permissions->judge_namespace(input.pod_namespace)
                                    : judge_by_policy(input, *decision.denied, *decision.denied_by);
}

// A limited binding, with the AzureIdentity that it gives.
std::string closed_summary(const DecisionInput& input, const Decision& decision, const std::string& pod) {
  const AccessOfBinding* said = find_access(input, *decision.binding);
  return fmt::format("AzureIdentity {} may not be used by {} now: {}", decision.denied->meta.key().text(), pod,
                     said == nullptr
                         ? fmt::format("AzureIdentityBinding {} is limited", decision.binding->meta.key().text())
                         : said->by->text(input.now));
}

// Why no assignment of a pod is trusted.
std::string untrusted(const Decision& decision, const std::string& pod) {
  if (decision.doubt == Doubt::unread) {
    return fmt::format("what the AzureAssignedIdentity of {} names has not been read from the API server yet", pod);
  }
  if (decision.doubt == Doubt::binding) {
    return fmt::format(
        "the AzureIdentityBinding of the AzureAssignedIdentity of {} is gone, or does not give it that AzureIdentity "
        "any more",
        pod);
  }
  return fmt::format("the AzureAssignedIdentity of {} is not as the controller writes it", pod);
}

}  // namespace

std::string describe(const IdentityRequest& request) {
  std::string text;
  const auto append = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : " or ", name, value);
  };
  append("client_id", redact(request.client_id.text()));
  append("resource ID", request.resource_id.text());
  append("object_id", redact(request.object_id.text()));
  return text.empty() ? "any identity" : text;
}

std::string refusal_summary(const DecisionInput& input, const Decision& decision) {
  const std::string pod = fmt::format("pod {} in namespace {}", input.pod_name, input.pod_namespace);
  const std::string_view label = input.pod == nullptr ? std::string_view{} : input.pod->binding_label();
  const std::string asked = input.request.specific() ? " with " + describe(input.request) : "";
  switch (decision.reason) {
    case RefusalReason::pod_unknown:
      return pod + " is not known on this node";
    case RefusalReason::no_binding_label:
      return fmt::format("{} has no label {}, so no AzureIdentityBinding can select it", pod, kBindingLabel);
    case RefusalReason::no_matching_binding:
      return fmt::format("no AzureIdentityBinding has the selector {} of {} (label {})", label, pod, kBindingLabel);
    case RefusalReason::identity_missing:
      return fmt::format("the AzureIdentityBindings that select {} name no usable AzureIdentity", pod);
    case RefusalReason::awaiting_creation:
      return fmt::format("no AzureAssignedIdentity{} exists yet for {}", asked, pod);
    case RefusalReason::awaiting_assignment:
      return fmt::format("the AzureAssignedIdentity{} of {} is not yet Assigned", asked, pod);
    case RefusalReason::untrusted_assignment:
      return untrusted(decision, pod);
    case RefusalReason::policy_denied: {
      const PolicyVerdict verdict = policy_verdict(input, decision);
      return fmt::format("{} gets no token: {}; {}", pod, input.permissions->denial_text(verdict, decision.denied),
                         input.permissions->remedy_text(verdict, decision.denied));
    }
    case RefusalReason::namespace_rule:
      return fmt::format("the AzureIdentity{} bound to {} lies in another namespace and may only be used there", asked,
                         pod);
    case RefusalReason::not_requested:
      return fmt::format("no AzureIdentity{} is bound to {}, which has others", asked, pod);
    case RefusalReason::access_invalid:
    case RefusalReason::not_yet:
    case RefusalReason::over:
    case RefusalReason::window_closed:
    case RefusalReason::calendar_unreadable:
    case RefusalReason::grant_missing:
    case RefusalReason::grant_pending:
    case RefusalReason::grant_policy_missing:
      return closed_summary(input, decision, pod);
    case RefusalReason::token_beyond_window:
      return fmt::format(
          "{} gets no token of AzureIdentity {}: Azure's token could be used for longer than it may be, and "
          "AzureIdentityBinding {} says tokenBeyondWindow: Deny",
          pod, decision.denied->meta.key().text(), decision.binding->meta.key().text());
    case RefusalReason::none:
      break;
  }
  return pod + " was not refused";
}

std::string explain_command(std::string_view pod_namespace, std::string_view pod_name) {
  return fmt::format("podid explain pod {} -n {}", pod_name, pod_namespace);
}

std::string refusal_description(const DecisionInput& input, const Decision& decision) {
  return fmt::format("Identity not found: {}. To see why, run: {}", refusal_summary(input, decision),
                     explain_command(input.pod_namespace, input.pod_name));
}

std::string legacy_refusal_text(const DecisionInput& input, const Decision& decision, const LegacyRetry& retry) {
  if (decision.reason == RefusalReason::policy_denied || is_about_access(decision.reason))
    return refusal_description(input, decision);
  if (input.mode == OperationMode::managed) {
    if (decision.reason != RefusalReason::pod_unknown) return legacy_no_match(input.request);
    return fmt::format("failed to get pod {0}/{1}, error: pod {0}/{1} doesn't exist", input.pod_namespace,
                       input.pod_name);
  }
  if (decision.reason == RefusalReason::namespace_rule) {
    if (input.request.specific()) return legacy_no_match(input.request);
    return fmt::format(
        "no azure identity found for pod {}/{}: its identities lie in other namespaces, and namespaced mode or their "
        "annotation {} restricts them to pods of their own",
        input.pod_namespace, input.pod_name, kBehaviorAnnotation);
  }
  if (decision.created_seen) {
    return legacy_failed_after(input, "ASSIGNED", retry.attempts_for_created + retry.attempts_for_assigned,
                               retry.interval_seconds);
  }
  std::string text = legacy_failed_after(input, "CREATED", retry.attempts_for_created, retry.interval_seconds);
  if (!input.request.specific()) return text;
  return fmt::format("clientID in request: {}, {}", redact(input.request.client_id.text()), text);
}

}  // namespace podid::core
