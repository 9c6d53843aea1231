// SPDX-License-Identifier: Apache-2.0
#include "kube/leader_record.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace podid::kube {
namespace {

LeaderRecord record() {
  return {.holder = "mic-1",
          .lease_duration_seconds = 15,
          .acquire_time = base::parse_rfc3339("2026-01-02T03:04:05.000006Z").value(),
          .renew_time = base::parse_rfc3339("2026-01-02T03:05:05.123456Z").value(),
          .transitions = 3};
}

TEST(LeaderRecord, LeaseSpecHasMicroseconds) {
  const json::object spec = lease_spec(record());
  EXPECT_EQ(spec.at("holderIdentity"), "mic-1");
  EXPECT_EQ(spec.at("leaseDurationSeconds"), 15);
  EXPECT_EQ(spec.at("acquireTime"), "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(spec.at("renewTime"), "2026-01-02T03:05:05.123456Z");
  EXPECT_EQ(spec.at("leaseTransitions"), 3);
  EXPECT_EQ(read_lease_spec(json::object{{"spec", spec}}).value(), record());
}

TEST(LeaderRecord, ReleasedLeaseNamesNobody) {
  LeaderRecord released = record();
  released.holder.clear();
  EXPECT_FALSE(lease_spec(released).contains("holderIdentity"));
}

TEST(LeaderRecord, AnnotationHasSeconds) {
  const std::string text = leader_annotation(record());
  EXPECT_EQ(text, R"({"holderIdentity":"mic-1","leaseDurationSeconds":15,"acquireTime":"2026-01-02T03:04:05Z",)"
                  R"("renewTime":"2026-01-02T03:05:05Z","leaderTransitions":3})");
  const LeaderRecord read = read_leader_annotation(text).value();
  EXPECT_EQ(read.holder, "mic-1");
  EXPECT_EQ(read.transitions, 3);
}

TEST(LeaderRecord, AbsentFieldsAreZero) {
  EXPECT_EQ(read_lease_spec(json::parse("{}")).value(), LeaderRecord());
  EXPECT_EQ(read_lease_spec(json::parse(R"({"spec":{"holderIdentity":null,"acquireTime":null}})")).value(),
            LeaderRecord());
}

TEST(LeaderRecord, WrongTypesAreNamed) {
  const auto bad = read_lease_spec(json::parse(R"({"spec":{"leaseDurationSeconds":"15"}})"));
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().message, "spec.leaseDurationSeconds must be a whole number of at least 0");
  EXPECT_FALSE(read_lease_spec(json::parse(R"({"spec":[]})")).has_value());
  EXPECT_FALSE(read_lease_spec(json::parse(R"({"spec":{"renewTime":"noon"}})")).has_value());
  EXPECT_FALSE(read_leader_annotation("{").has_value());
  EXPECT_FALSE(read_leader_annotation("[]").has_value());
}

}  // namespace
}  // namespace podid::kube
