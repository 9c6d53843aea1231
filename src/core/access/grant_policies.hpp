// SPDX-License-Identifier: Apache-2.0
// The admission policies that make grants and approvals trustworthy (deploy/policies/grants.yaml): whether they are in place
// as a release ships them, and since when. Pure and thread-safe.
#pragma once
#include <array>
#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/model/access.hpp"
#include "core/model/invalid.hpp"

namespace podid::core {

// Of the ValidatingAdmissionPolicies; their bindings are called as they are.
inline constexpr std::array<std::string_view, 2> kGrantPolicies = {"podid-grants.aadpodidentity.k8s.io",
                                                                   "podid-grant-approvals.aadpodidentity.k8s.io"};
// For so long after it is made a policy may not act yet: forged objects passed for 0.6 s on a real API server.
inline constexpr std::chrono::seconds kPolicySettles{60};

// A ValidatingAdmissionPolicy or a binding of one, as far as it counts.
struct GrantPolicyObject {
  enum class Kind : std::uint8_t { policy, binding };
  Kind kind = Kind::policy;
  std::string name;
  Instant created{};
  std::string problem;  // empty: it is as shipped, by this release or one before it
  bool operator==(const GrantPolicyObject&) const = default;
};
Read<GrantPolicyObject> read_grant_policy(const boost::json::value& object);
Read<GrantPolicyObject> read_grant_policy_binding(const boost::json::value& object);

struct GrantPolicies {
  // What is missing or different, without a full stop. Empty: all of them are in place.
  std::string problem = "the admission policies that guard grants have not been read yet";
  // From when on what they let through counts: the youngest of them, and kPolicySettles.
  Instant count_from{};
  bool operator==(const GrantPolicies&) const = default;

  bool in_place() const { return problem.empty(); }
};

// `objects`: all that there are of those names.
GrantPolicies judge_grant_policies(std::span<const GrantPolicyObject> objects);

// The expressions and conditions of a ValidatingAdmissionPolicy's spec, by a hash: what the API server adds, and what is said
// to whoever is refused, aside.
std::string grant_policy_hash(const boost::json::value& spec);

}  // namespace podid::core
