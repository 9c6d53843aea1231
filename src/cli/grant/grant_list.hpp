// SPDX-License-Identifier: Apache-2.0
// What the grants of a cluster come to, by the same rules as those by which NMIs decide; their status is not looked at. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "core/access/grants.hpp"
#include "core/model/resources.hpp"

namespace podid::cli {

enum class GrantPhase : std::uint8_t {
  pending,  // wants approvals, or starts later
  active,
  expired,
  revoked,  // denied, or being deleted
  invalid,  // gives nobody anything; `why` says why
};
std::string_view to_string(GrantPhase phase);  // "Pending"

struct GrantRow {
  core::ObjectKey grant;
  std::string uid;
  std::string binding;
  std::string requested_by;
  std::string reason;
  std::string duration;
  std::string pods = {};  // "job=replay"; empty: all of the binding's
  GrantPhase phase = GrantPhase::invalid;
  std::string why = {};  // a sentence without a full stop; empty: nothing to add
  std::optional<base::WallTime> from = {};
  std::optional<base::WallTime> to = {};
  std::vector<std::string> approved_by = {};
  int approvals = 0;  // that the binding wants
};

// In the order of namespace and name.
std::vector<GrantRow> grant_rows(const core::GrantBook& book, std::span<const core::AzureIdentityBinding> bindings,
                                 base::WallTime now);

// What there is to say beside the phase: "ends in 35m", "1 of 2 approvals"; may be empty.
std::string when_text(const GrantRow& row, base::WallTime now);

struct GrantColumns {
  bool namespaces = false;
  bool wide = false;
};
std::string to_table(std::span<const GrantRow> rows, GrantColumns columns, base::WallTime now);
boost::json::object to_json(std::span<const GrantRow> rows);

}  // namespace podid::cli
