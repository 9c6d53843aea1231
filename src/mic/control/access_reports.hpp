// SPDX-License-Identifier: Apache-2.0
// What people are told of a binding's spec.access: its status and condition, word for word. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>

#include "core/access/grants.hpp"
#include "core/model/resources.hpp"
#include "kube/event_recorder.hpp"
#include "mic/control/status_writer.hpp"
#include "mic/world/access_book.hpp"

namespace podid::mic {

// Of a binding's conditions: whether spec.access can be judged by. Where it cannot, the identity may not be used.
inline constexpr std::string_view kValidCondition = "Valid";

// An AzureIdentityBinding with what its status says, as far as it is ours.
struct SeenBinding {
  core::AzureIdentityBinding binding;
  std::int64_t generation = 0;
  boost::json::object status;  // access, conditions
  bool operator==(const SeenBinding&) const = default;
};

// `moment`: null where it has no spec.access. Nothing: there is nothing to say, and nothing was said.
std::optional<ObjectStatus> binding_status(const SeenBinding& seen, const AccessMoment* moment);

// A grant's phase, and the rest of its status. Pure.
struct GrantReport {
  std::string phase;  // Pending, Active, Revoked, Expired
  ObjectStatus status;
};
// `terms`: null where its binding needs no grant, or is not there.
GrantReport grant_status(const core::AzureIdentityGrant& grant, const core::GrantBook& book,
                         const core::GrantTerms* terms, core::Instant now);
// What a person should hear of it, as an event on the binding. `before`: the phase that was last told; the same one, or none,
// gives nothing.
std::optional<kube::EventKey> grant_event(const core::AzureIdentityGrant& grant, const GrantReport& report,
                                          const std::string& before, const core::ObjectMeta& binding);

// Why nobody can use it, whatever the time, as an event on the binding; nothing where that is not so.
std::optional<kube::EventKey> access_unusable(const SeenBinding& seen, const AccessMoment* moment);

}  // namespace podid::mic
