// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/clock/clock_file.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::clock {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const base::WallTime kNow = *base::parse_rfc3339("2026-11-28T12:00:00Z");

TEST(LabClock, StartsWithTheMachinesTimeAndKeepsWhatItIsSetTo) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/clock";
  EXPECT_EQ(offset(path).error().kind, base::ErrorKind::not_found);
  ASSERT_TRUE(create(path));
  EXPECT_EQ(offset(path).value(), base::Duration::zero());
  ASSERT_TRUE(set_offset(path, -hours(3)));
  EXPECT_EQ(offset(path).value(), -hours(3));
}

TEST(LabClock, MovesOnIsSetAndIsReset) {
  EXPECT_EQ(asked_offset("+1h30m", "", hours(1), kNow).value(), minutes(150));
  EXPECT_EQ(asked_offset("set", "2026-11-28T11:00:00Z", hours(7), kNow).value(), -hours(1));
  EXPECT_EQ(asked_offset("set", "2026-11-28T14:00:00+01:00", hours(7), kNow).value(), hours(1));
  EXPECT_EQ(asked_offset("reset", "", hours(7), kNow).value(), base::Duration::zero());
}

TEST(LabClock, WhatItDoesNotUnderstandIsSaid) {
  for (const auto& [action, time] : std::vector<std::pair<std::string, std::string>>{{"2h", ""},
                                                                                     {"+", ""},
                                                                                     {"+2 hours", ""},
                                                                                     {"+-2h", ""},
                                                                                     {"set", ""},
                                                                                     {"set", "tomorrow"},
                                                                                     {"reset", "now"},
                                                                                     {"back", ""},
                                                                                     {"+1h", "2h"},
                                                                                     {"+90000h", ""}}) {
    const auto asked = asked_offset(action, time, {}, kNow);
    ASSERT_FALSE(asked) << action << " " << time;
    EXPECT_EQ(asked.error().kind, base::ErrorKind::invalid);
    EXPECT_NE(asked.error().message.find("+2h"), std::string::npos) << asked.error().message;
  }
  EXPECT_EQ(asked_offset("set", "2036-01-01T00:00:00Z", {}, kNow).error().kind, base::ErrorKind::invalid);
}

// A program that was not built by us, as the lab starts it.
std::string date_under(const std::string& file) {
  base::asio::io_context io(1);
  std::vector<std::string> command{
      "env", "LD_PRELOAD=" PODID_LAB_CLOCK_LIBRARY, std::string(kFileVariable) + "=" + file, "date", "-u", "+%FT%TZ"};
  const auto done = test::run_task(io, base::run_process(std::move(command), {}, std::chrono::seconds(30)));
  return done ? done->output : done.error().message;
}

TEST(LabClock, AProgramSeesIt) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/clock";
  ASSERT_TRUE(create(path));
  const auto before = base::RealClock().wall_now();
  ASSERT_TRUE(set_offset(path, hours(24 * 400)));
  const auto seen = base::parse_rfc3339(base::trim(date_under(path)));
  const auto after = base::RealClock().wall_now();
  ASSERT_TRUE(seen);
  EXPECT_GE(*seen, std::chrono::floor<std::chrono::seconds>(before) + hours(24 * 400));
  EXPECT_LE(*seen, after + hours(24 * 400));
  ASSERT_TRUE(set_offset(path, -hours(24 * 400)));
  const auto past = base::parse_rfc3339(base::trim(date_under(path)));
  ASSERT_TRUE(past);
  EXPECT_LT(*past, before - hours(24 * 399));
}

}  // namespace
}  // namespace podid::lab::clock
