// SPDX-License-Identifier: Apache-2.0
#include "mic/control/access_reports.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "core/model/times.hpp"

namespace podid::mic {
namespace json = boost::json;
namespace {

Condition validity_of(const SeenBinding& seen, const AccessMoment& moment) {
  Condition condition{.type = std::string(kValidCondition), .holds = false, .reason = {}, .message = {}};
  if (!moment.problem.empty()) {
    condition.reason = moment.reason == core::AccessReason::invalid ? "Invalid" : "CalendarUnreadable";
    condition.message = moment.problem;
    return condition;
  }
  if (moment.reason == core::AccessReason::grant_policy_missing) {
    condition.reason = "GrantPolicyMissing";
    condition.message = moment.text;
    return condition;
  }
  condition.holds = true;
  condition.reason = "Valid";
  condition.message = "spec.access is understood";
  if (moment.short_access) {
    condition.reason = "ShortWindow";
    condition.message =
        "a window is too short for the identity to be attached just before it: it is attached for the window's whole "
        "day, and may be used within the window alone";
  }
  if (seen.binding.access && seen.binding.access->token_beyond_window == core::TokenBeyondWindow::deny)
    condition.message += "; tokens that outlive the allowed time are refused (tokenBeyondWindow: Deny)";
  return condition;
}

}  // namespace

std::optional<ObjectStatus> binding_status(const SeenBinding& seen, const AccessMoment* moment) {
  ObjectStatus status;
  status.observed_generation = seen.generation;
  if (moment == nullptr) {
    if (!seen.status.contains("access")) return std::nullopt;
    status.members["access"] = nullptr;
    status.condition = Condition{.type = std::string(kValidCondition),
                                 .holds = true,
                                 .reason = "Unlimited",
                                 .message = "there is no spec.access: it may always be used"};
    return status;
  }
  json::object access{{"open", moment->reason == core::AccessReason::open},
                      {"reason", core::to_string(moment->reason)},
                      {"observedGeneration", seen.generation}};
  if (moment->until) access["nextTransition"] = core::time_text(*moment->until);
  status.members["access"] = std::move(access);
  status.condition = validity_of(seen, *moment);
  return status;
}

GrantReport grant_status(const core::AzureIdentityGrant& grant, const core::GrantBook& book,
                         const core::GrantTerms* terms, core::Instant now) {
  GrantReport report;
  report.phase = "Pending";
  json::object& members = report.status.members;
  for (const char* name : {"activeFrom", "expiresAt", "approvedBy"}) members[name] = nullptr;
  if (terms != nullptr) {
    const std::vector<const core::AzureIdentityGrantApproval*> approvals = book.approvals_of(grant);
    const core::GrantState state = core::judge_grant(grant, approvals, *terms, book.policies());
    if (state.verdict == core::GrantState::Verdict::counts) {
      members["activeFrom"] = core::time_text(state.from);
      members["expiresAt"] = core::time_text(state.to);
      if (now >= state.from) report.phase = now < state.to ? "Active" : "Expired";
    }
    if (!state.approved_by.empty()) {
      json::array& by = members["approvedBy"].emplace_array();
      for (const std::string_view name : state.approved_by) by.emplace_back(name);
    }
  }
  if (grant.revocation || grant.meta.deleting()) report.phase = "Revoked";
  members["phase"] = report.phase;
  return report;
}

std::optional<kube::EventKey> grant_event(const core::AzureIdentityGrant& grant, const GrantReport& report,
                                          const std::string& before, const core::ObjectMeta& binding) {
  if (before.empty() || before == report.phase || report.phase == "Pending") return std::nullopt;
  std::string text = fmt::format("AzureIdentityGrant {} of {}", grant.meta.key().text(), grant.requested_by);
  std::string_view reason = "grant expired";
  if (report.phase == "Active") {
    reason = "grant active";
    text += fmt::format(" is active until {}", base::text_at(report.status.members, {"expiresAt"}));
    if (const json::value& by = report.status.members.at("approvedBy"); by.is_array()) {
      text += ", approved by";
      for (const json::value& name : by.get_array()) text += fmt::format(" {}", std::string_view(name.as_string()));
    }
  } else if (report.phase == "Revoked") {
    reason = "grant revoked";
    text += grant.revocation ? fmt::format(" is revoked by {}", grant.revocation->by) : " is deleted";
  } else {
    text += " has ended";
  }
  return kube::EventKey{
      .regarding = kube::kAzureIdentityBindings.reference({.ns = binding.ns, .name = binding.name}, binding.uid),
      .type = kube::EventType::normal,
      .reason = std::string(reason),
      .message = std::move(text),
      .related = {},
      .action = {}};
}

std::optional<kube::EventKey> access_unusable(const SeenBinding& seen, const AccessMoment* moment) {
  if (moment == nullptr) return std::nullopt;
  const Condition validity = validity_of(seen, *moment);
  if (validity.holds) return std::nullopt;
  const core::ObjectMeta& meta = seen.binding.meta;
  return kube::EventKey{
      .regarding = kube::kAzureIdentityBindings.reference({.ns = meta.ns, .name = meta.name}, meta.uid),
      .type = kube::EventType::warning,
      .reason = "access unusable",
      .message = fmt::format("AzureIdentityBinding {} cannot be used: {}", meta.key().text(), validity.message),
      .related = {},
      .action = {}};
}

}  // namespace podid::mic
