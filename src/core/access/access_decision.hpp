// SPDX-License-Identifier: Apache-2.0
// May a binding's identity be used now: what its spec.access says, with the grants that there are. NMI, MIC and `podid` ask
// it. Pure and thread-safe.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/access.hpp"

namespace podid::core {

enum class AccessReason : std::uint8_t {
  open,
  invalid,        // spec.access cannot be understood, names a zone that is not known here, was lost (its hash is there)
  not_yet,        // before notBefore
  over,           // notAfter has passed
  window_closed,  // no window is open
  calendar_unreadable,   // a window's holidays are not known, and it would be open without them
  grant_missing,         // no grant for this pod
  grant_pending,         // there is one, and it has not enough approvals, or starts later
  grant_policy_missing,  // the admission policies that make grants trustworthy are not in place, or too new
};
inline constexpr std::size_t kAccessReasons = 9;
std::string_view to_string(AccessReason reason);  // "window_closed"

// What may be done at a moment, and until when that is so.
struct AccessState {
  AccessReason reason = AccessReason::open;
  // Open: when it closes; nothing: never by itself. Closed: when it opens by itself; nothing: it does not.
  std::optional<Instant> until = std::nullopt;
  std::string_view grant = {};  // open by a grant: its name; in its keeping
  TokenBeyondWindow token_beyond_window = TokenBeyondWindow::allow;

  bool open() const { return reason == AccessReason::open; }
};

}  // namespace podid::core
