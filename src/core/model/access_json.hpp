// SPDX-License-Identifier: Apache-2.0
// JSON of spec.access. Reading never fails: what is wrong with it is in Access::invalid, since what was written may have
// been a restriction. Strict, unlike the rest of an object: a member that is not known (a newer release's, a misspelt one)
// or null is wrong too. The rules are those of deploy/crds, which a cluster may not have. Pure and thread-safe.
#pragma once
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "core/model/access.hpp"

namespace podid::core {

inline constexpr std::size_t kMostWindows = 16;
inline constexpr std::size_t kMostZoneName = 64;
inline constexpr int kMostApprovals = 5;
inline constexpr std::chrono::seconds kShortestGrant = std::chrono::minutes(1);
inline constexpr std::chrono::seconds kLongestGrant = std::chrono::hours(168);

// The hash of spec.access as whoever wrote it last knew it (access_hash()). A binding that has it and no spec.access lost
// its limits to a client that does not know them.
inline constexpr std::string_view kAccessHashAnnotation = "aadpodidentity.k8s.io/access-hash";

// Whether the text has the form of an IANA name: letters, digits, '_', '+' and '-' in at most three parts. Not whether there is one.
bool is_zone_name(std::string_view name);

Access read_access(const boost::json::value& access);

// The access of a binding whose limits were lost.
Access lost_access();

// "sha256:" and 64 hexadecimal digits: of the JSON with the schema's defaults filled in, without null, members sorted by name, no
// blanks. The same before and after the API server stores it; for any JSON value.
std::string access_hash(const boost::json::value& access);
// "sha256:" and the digits of the text's hash.
std::string sha256_text(std::string_view text);

}  // namespace podid::core
