// SPDX-License-Identifier: Apache-2.0
#include "cli/grant/grant_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;
using Verdict = core::GrantState::Verdict;

const core::GrantTerms* terms_of(const core::AzureIdentityGrant& grant,
                                 std::span<const core::AzureIdentityBinding> bindings, std::string& why) {
  const auto binding = std::ranges::find_if(bindings, [&](const core::AzureIdentityBinding& each) {
    return each.meta.ns == grant.meta.ns && each.meta.name == grant.binding;
  });
  if (binding == bindings.end()) {
    why = fmt::format("there is no AzureIdentityBinding {}", grant.binding);
  } else if (binding->access && !binding->access->invalid.empty()) {
    why = fmt::format("AzureIdentityBinding {} denies everything: {}", grant.binding, binding->access->invalid);
  } else if (!binding->access || !binding->access->grant) {
    why = fmt::format("AzureIdentityBinding {} needs no grant", grant.binding);
  } else {
    return &*binding->access->grant;
  }
  return nullptr;
}

GrantPhase phase_of(const core::GrantState& state, base::WallTime now) {
  switch (state.verdict) {
    case Verdict::counts:
      return now < state.from ? GrantPhase::pending : now < state.to ? GrantPhase::active : GrantPhase::expired;
    case Verdict::lacks_approvals:
      return GrantPhase::pending;
    case Verdict::revoked:
    case Verdict::deleted:
      return GrantPhase::revoked;
    case Verdict::over:
      return GrantPhase::expired;
    default:
      return GrantPhase::invalid;
  }
}

json::value time_or_null(const std::optional<base::WallTime>& time) {
  return time ? json::value(base::format_rfc3339(*time)) : json::value();
}

}  // namespace

std::string_view to_string(GrantPhase phase) {
  switch (phase) {
    case GrantPhase::pending:
      return "Pending";
    case GrantPhase::active:
      return "Active";
    case GrantPhase::expired:
      return "Expired";
    case GrantPhase::revoked:
      return "Revoked";
    case GrantPhase::invalid:
      break;
  }
  return "Invalid";
}

std::string when_text(const GrantRow& row, base::WallTime now) {
  if (row.phase == GrantPhase::active) return "ends " + relative_to(now, *row.to);
  if (row.phase == GrantPhase::pending && row.from) return "starts " + relative_to(now, *row.from);
  if (row.phase == GrantPhase::pending) return fmt::format("{} of {} approvals", row.approved_by.size(), row.approvals);
  if (row.phase == GrantPhase::expired && row.to) return "ended " + relative_to(now, *row.to);
  return row.why;
}

std::vector<GrantRow> grant_rows(const core::GrantBook& book, std::span<const core::AzureIdentityBinding> bindings,
                                 base::WallTime now) {
  std::vector<GrantRow> rows;
  for (const auto& [key, grant] : book.grants()) {
    GrantRow row{.grant = key,
                 .uid = grant.meta.uid,
                 .binding = grant.binding,
                 .requested_by = grant.requested_by,
                 .reason = grant.reason,
                 .duration = base::format_go_duration(grant.duration)};
    for (const auto& [label, value] : grant.pod_labels) {
      row.pods += fmt::format("{}{}={}", row.pods.empty() ? "" : ",", label, value);
    }
    if (const core::GrantTerms* terms = terms_of(grant, bindings, row.why)) {
      const auto approvals = book.approvals_of(grant);
      const core::GrantState state = core::judge_grant(grant, approvals, *terms, book.policies());
      row.phase = phase_of(state, now);
      row.approvals = terms->approvals;
      for (const std::string_view person : state.approved_by) row.approved_by.emplace_back(person);
      if (state.verdict == Verdict::counts) {
        row.from = state.from;
        row.to = state.to;
      } else {
        row.why = core::grant_text(grant, state, *terms, book.policies());
      }
    }
    if (grant.revocation) {
      row.phase = GrantPhase::revoked;
      row.why = fmt::format("by {}{}", grant.revocation->by,
                            grant.revocation->reason.empty() ? "" : ": " + grant.revocation->reason);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string to_table(std::span<const GrantRow> rows, GrantColumns columns, base::WallTime now) {
  std::vector<std::string> titles{"NAME", "BINDING", "REQUESTED BY", "STATE", "WHEN", "APPROVED BY"};
  if (columns.namespaces) titles.insert(titles.begin(), "NAMESPACE");
  if (columns.wide) titles.insert(titles.end(), {"DURATION", "PODS", "REASON"});
  Table table(std::move(titles));
  for (const GrantRow& row : rows) {
    std::vector<std::string> cells{row.grant.name,      row.binding,
                                   row.requested_by,    std::string(to_string(row.phase)),
                                   when_text(row, now), fmt::format("{}", fmt::join(row.approved_by, ","))};
    if (columns.namespaces) cells.insert(cells.begin(), row.grant.ns);
    if (columns.wide) cells.insert(cells.end(), {row.duration, row.pods, row.reason});
    table.add(std::move(cells));
  }
  return table.text();
}

json::object to_json(std::span<const GrantRow> rows) {
  json::array items;
  for (const GrantRow& row : rows) {
    items.push_back({{"namespace", row.grant.ns},
                     {"name", row.grant.name},
                     {"uid", row.uid},
                     {"binding", row.binding},
                     {"requestedBy", row.requested_by},
                     {"reason", row.reason},
                     {"duration", row.duration},
                     {"pods", row.pods},
                     {"state", to_string(row.phase)},
                     {"why", row.why},
                     {"from", time_or_null(row.from)},
                     {"to", time_or_null(row.to)},
                     {"approvedBy", json::array(row.approved_by.begin(), row.approved_by.end())},
                     {"approvals", row.approvals}});
  }
  return {{"schema", "podid.grants/v1"}, {"items", std::move(items)}};
}

}  // namespace podid::cli
