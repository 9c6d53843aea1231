// SPDX-License-Identifier: Apache-2.0
// Who leads, as it is stored in a Lease or in the annotation of an Endpoints object. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "kube/json.hpp"

namespace podid::kube {

inline constexpr std::string_view kLeaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

struct LeaderRecord {
  std::string holder;  // empty: released
  std::int64_t lease_duration_seconds = 0;
  base::WallTime acquire_time{};
  base::WallTime renew_time{};
  std::int64_t transitions = 0;

  bool operator==(const LeaderRecord&) const = default;
};

// spec of a coordination.k8s.io/v1 Lease, with times of microseconds. Absent fields read as zero values; `invalid`
// for fields of a wrong type.
json::object lease_spec(const LeaderRecord& record);
base::Result<LeaderRecord> read_lease_spec(const json::value& lease);
// Text of the annotation, with times of seconds as all writers of it use.
std::string leader_annotation(const LeaderRecord& record);
base::Result<LeaderRecord> read_leader_annotation(std::string_view text);

}  // namespace podid::kube
