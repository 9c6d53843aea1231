// SPDX-License-Identifier: Apache-2.0
#include "core/access/binding_access.hpp"

#include <fmt/format.h>

#include "core/access/access_text.hpp"

namespace podid::core {

AccessState BindingAccess::at(Instant now) const {
  const AccessState terms = terms_->at(now);
  if (!terms.open() || !needs_grant()) return terms;
  AccessState state = with_grants(terms, grants_.at(now));
  // It will have closed by then.
  if (!state.open() && state.until && terms.until && *state.until >= *terms.until) state.until.reset();
  return state;
}

std::string BindingAccess::text(Instant now) const {
  const AccessState state = at(now);
  std::string text = access_text(binding_, *terms_, state);
  if (text.ends_with('.')) text.pop_back();
  const bool by_grants = state.reason == AccessReason::grant_missing || state.reason == AccessReason::grant_pending ||
                         state.reason == AccessReason::grant_policy_missing;
  return by_grants ? fmt::format("{} ({})", text, grants_.text(now)) : text;
}

std::string access_remedy(const AccessState& state) {
  switch (state.reason) {
    case AccessReason::open:
      break;
    case AccessReason::invalid:
      return "correct spec.access of the AzureIdentityBinding: it denies until then";
    case AccessReason::not_yet:
    case AccessReason::window_closed:
      return state.until ? "come back then, or change spec.access" : "change spec.access: by itself it opens no more";
    case AccessReason::over:
      return "set a later spec.access.notAfter";
    case AccessReason::calendar_unreadable:
      return "create the ConfigMap that spec.access.windows[].holidays names, and let the MIC (in managed mode the "
             "NMI, by Role podid-calendar-reader) read it";
    case AccessReason::grant_missing:
      return "ask for a grant: podid grant request";
    case AccessReason::grant_pending:
      return "have the grant approved: podid grant approve";
    case AccessReason::grant_policy_missing:
      return "install deploy/policies: grants that are asked for from a minute later on count";
  }
  return {};
}

}  // namespace podid::core
