// SPDX-License-Identifier: Apache-2.0
// When an identity may be used: spec.access of an AzureIdentityBinding, and the objects of just-in-time access, as values.
// What they mean: core/access. Source: docs/design/access.md.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/object_meta.hpp"

namespace podid::core {

using Instant = std::chrono::system_clock::time_point;

// Dates on which a window does not open: lines of a ConfigMap in the binding's namespace.
struct HolidayList {
  std::string config_map;
  std::string key = "dates";
  auto operator<=>(const HolidayList&) const = default;
};

struct AccessWindow {
  static constexpr std::uint8_t kEveryDay = 0x7f;

  std::string time_zone = "UTC";      // an IANA name; whether there is one, who looks it up says
  std::uint8_t days = kEveryDay;      // bit 0: Monday
  std::chrono::minutes start{0};      // since local midnight, inclusive
  std::chrono::minutes end{24 * 60};  // exclusive; before `start`: on the following day. Never equal to `start`
  std::optional<HolidayList> holidays;
  bool operator==(const AccessWindow&) const = default;
};

// A live AzureIdentityGrant is needed as well.
struct GrantTerms {
  std::chrono::seconds max_duration{0};
  int approvals = 1;  // by people other than the requester
  // When the binding was made, where that is known: a grant of an earlier binding of its name was asked for, and approved, for
  // what that one gave.
  std::optional<Instant> binding_made = {};
  bool operator==(const GrantTerms&) const = default;
};

enum class TokenBeyondWindow : std::uint8_t { allow, deny };

struct Access {
  std::optional<Instant> not_before;  // inclusive
  std::optional<Instant> not_after;   // exclusive
  std::vector<AccessWindow> windows;  // none: no window limits it; else at least one must be open
  std::optional<GrantTerms> grant;
  TokenBeyondWindow token_beyond_window = TokenBeyondWindow::allow;
  // What is wrong with it, a sentence without a full stop. Then the identity may not be used: what was written may have been
  // a restriction.
  std::string invalid;
  bool operator==(const Access&) const = default;
};

struct AzureIdentityGrant {
  struct Revocation {
    std::string by;
    std::string reason;
    bool operator==(const Revocation&) const = default;
  };
  ObjectMeta meta;
  std::string binding;  // a name in the grant's own namespace
  std::chrono::seconds duration{0};
  std::optional<Instant> not_before;
  std::string reason;
  std::string requested_by;
  StringMap pod_labels;  // matchLabels; empty: all of the binding's pods
  std::optional<Revocation> revocation;
  std::string invalid;  // as Access::invalid
  bool operator==(const AzureIdentityGrant&) const = default;
};

struct AzureIdentityGrantApproval {
  ObjectMeta meta;
  std::string grant;
  std::string grant_uid;
  std::string binding;
  std::string requested_by;
  std::string approved_by;
  std::string comment;
  bool operator==(const AzureIdentityGrantApproval&) const = default;
};

}  // namespace podid::core
