// SPDX-License-Identifier: Apache-2.0
// The words of decide's list of checks. Internal to decide.cpp: everything here runs only when somebody wants the list.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/decide.hpp"

namespace podid::core {

// What decide makes of one assignment of the pod, in the order of its checks.
enum class AssignmentVerdict : std::uint8_t {
  untrusted,
  not_requested,
  other_namespace,
  policy_denied,
  closed,
  created,
  leaving,
  usable
};
inline constexpr std::size_t kAssignmentVerdicts = 8;

void record_pod_unknown(const DecisionInput& input, CheckList& checks);
void record_label(const DecisionInput& input, CheckList& checks);
// Which bindings select the pod, and whether their identities exist (and may be used, in standard mode).
void record_rules(const DecisionInput& input, CheckList& checks);
// As far as is known the controller should make one / has no reason to.
void record_missing_assignment(const DecisionInput& input, CheckList& checks);
void record_no_assignment(const DecisionInput& input, CheckList& checks);
// `distrust`: why the assignment is untrusted, else "".
void record_assignment(const DecisionInput& input, const AzureAssignedIdentity& assigned, AssignmentVerdict verdict,
                       std::string_view distrust, CheckList& checks);
enum class Fit : std::uint8_t { asked_for, another };
void record_request(const DecisionInput& input, const AzureIdentity& identity, Fit fit, CheckList& checks);
void record_choice(const DecisionInput& input, const Decision& decision, CheckList& checks);

}  // namespace podid::core
