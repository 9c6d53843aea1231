// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_decision.hpp"

namespace podid::core {

std::string_view to_string(AccessReason reason) {
  switch (reason) {
    case AccessReason::open:
      return "open";
    case AccessReason::invalid:
      return "invalid";
    case AccessReason::not_yet:
      return "not_yet";
    case AccessReason::over:
      return "over";
    case AccessReason::window_closed:
      return "window_closed";
    case AccessReason::calendar_unreadable:
      return "calendar_unreadable";
    case AccessReason::grant_missing:
      return "grant_missing";
    case AccessReason::grant_pending:
      return "grant_pending";
    case AccessReason::grant_policy_missing:
      return "grant_policy_missing";
  }
  return "invalid";
}

}  // namespace podid::core
