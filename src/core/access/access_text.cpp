// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_text.hpp"

#include <fmt/format.h>

#include "core/model/times.hpp"

namespace podid::core {
namespace {

std::string open_text(const AccessState& state) {
  const std::string by = state.grant.empty() ? "" : fmt::format(" by AzureIdentityGrant {}", state.grant);
  return state.until ? fmt::format("open{} until {}", by, time_text(*state.until)) : fmt::format("open{}", by);
}

std::string grant_needed(const AccessTerms& terms) {
  if (!terms.access().grant) return {};
  const GrantTerms& grant = *terms.access().grant;
  return fmt::format("at most {}, {} approval{}", duration_text(grant.max_duration), grant.approvals,
                     grant.approvals == 1 ? "" : "s");
}

std::string sentence(const AccessTerms& terms, const AccessState& state) {
  const Access& access = terms.access();
  switch (state.reason) {
    case AccessReason::open:
      return open_text(state);
    case AccessReason::invalid:
      return fmt::format("nobody may use it, because {}", terms.problem());
    case AccessReason::not_yet:
      return state.until ? fmt::format("spec.access.notBefore is {}; it opens at {}", time_text(*access.not_before),
                                       time_text(*state.until))
                         : fmt::format("spec.access.notBefore is {}, and no window of spec.access opens after that",
                                       time_text(*access.not_before));
    case AccessReason::over:
      return fmt::format("spec.access.notAfter was {}; it does not open again", time_text(*access.not_after));
    case AccessReason::window_closed:
      return state.until
                 ? fmt::format("no window of spec.access is open; the next one opens at {}", time_text(*state.until))
                 : "no window of spec.access is open, and none opens by itself";
    case AccessReason::calendar_unreadable:
      return fmt::format("{}; that window stays closed until they can{}", terms.problem(),
                         state.until ? fmt::format(", another one opens at {}", time_text(*state.until)) : "");
    case AccessReason::grant_missing:
      return fmt::format("it needs an AzureIdentityGrant ({}), and none is live for this pod", grant_needed(terms));
    case AccessReason::grant_pending:
      return state.until ? fmt::format("an AzureIdentityGrant for this pod begins at {}", time_text(*state.until))
                         : "an AzureIdentityGrant for this pod waits for approval";
    case AccessReason::grant_policy_missing:
      return "it needs an AzureIdentityGrant, and the admission policies that make grants trustworthy are not in "
             "place, or "
             "were put there less than a minute before the grant";
  }
  return {};
}

}  // namespace

std::string access_text(const ObjectKey& binding, const AccessTerms& terms, const AccessState& state) {
  return fmt::format("AzureIdentityBinding {}: {}.", binding.text(), sentence(terms, state));
}

std::string short_access_text(const AccessState& state) {
  const std::string_view what = state.open() ? "open" : "closed";
  return state.until ? fmt::format("{} until {}", what, time_text(*state.until)) : std::string(what);
}

}  // namespace podid::core
