// SPDX-License-Identifier: Apache-2.0
// What a refused client reads.
#pragma once
#include <string>
#include <string_view>

#include "core/decide.hpp"

namespace podid::core {

// "podid explain pod web-0 -n shop"
std::string explain_command(std::string_view pod_namespace, std::string_view pod_name);

// "client_id 1234##### REDACTED #####cdef or resource ID …"; "any identity" for an unspecific request.
std::string describe(const IdentityRequest& request);

// What is missing, as one sentence without a full stop: "pod web-0 in namespace shop has no label …". Client IDs are
// redacted.
std::string refusal_summary(const DecisionInput& input, const Decision& decision);

// The error_description of NMI-28: "Identity not found: …" with pod, namespace, what is missing, and the
// command that explains it. Client IDs are redacted.
std::string refusal_description(const DecisionInput& input, const Decision& decision);

// The retry flags, which aad-pod-identity's texts quote.
struct LegacyRetry {
  int attempts_for_created = 16;
  int attempts_for_assigned = 4;
  int interval_seconds = 5;
};

// aad-pod-identity's own text for the same refusal (nmi.md §8, §9), to the byte; a text of ours for what the
// AzureIdentityPolicy or spec.access denies, which it did not know, and for an unspecific request that only the namespace rule refuses,
// where it crashed (NMI-4).
std::string legacy_refusal_text(const DecisionInput& input, const Decision& decision, const LegacyRetry& retry);

}  // namespace podid::core
