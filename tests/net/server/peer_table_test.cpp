// SPDX-License-Identifier: Apache-2.0
#include "net/server/peer_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace podid::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const auto kOne = boost::asio::ip::make_address("10.0.0.1");
const auto kOther = boost::asio::ip::make_address("fd00::2");
const base::SteadyTime kNow{std::chrono::hours(1)};

TEST(PeerTable, ConnectionsAreLimitedForOneAndForAll) {
  PeerTable table({.max_connections = 3, .max_connections_per_peer = 2});
  auto first = table.enter(kOne);
  EXPECT_TRUE(table.has_room_for(kOne));
  auto second = table.enter(kOne);
  EXPECT_FALSE(table.has_room_for(kOne));
  EXPECT_TRUE(table.has_room_for(kOther));
  auto third = table.enter(kOther);
  EXPECT_FALSE(table.has_room_for(kOther)) << "all together";
  EXPECT_EQ(table.connections(), 3u);
  table.leave(first);
  EXPECT_TRUE(table.has_room_for(kOne));
  table.leave(second);
  table.leave(third);
  EXPECT_EQ(table.connections(), 0u);
  EXPECT_EQ(table.peers(), 0u) << "nobody is remembered without need";
}

TEST(PeerTable, BytesAreLimitedForOneAndForAll) {
  PeerTable table({.max_buffered_bytes = 100, .max_buffered_bytes_per_peer = 60});
  auto first = table.enter(kOne);
  auto second = table.enter(kOne);
  auto other = table.enter(kOther);
  EXPECT_TRUE(table.reserve(first, 40));
  EXPECT_FALSE(table.reserve(second, 21)) << "two connections of one peer";
  EXPECT_EQ(second.reserved(), 0u);
  EXPECT_TRUE(table.reserve(second, 20));
  EXPECT_FALSE(table.reserve(other, 41)) << "all together";
  EXPECT_TRUE(table.reserve(other, 40));
  EXPECT_EQ(table.buffered_bytes(), 100u);
  EXPECT_TRUE(table.reserve(first, 10));
  EXPECT_TRUE(table.reserve(second, 50));
  table.leave(second);
  EXPECT_EQ(table.buffered_bytes(), 50u) << "what it held is free";
  table.leave(first);
  table.leave(other);
  EXPECT_EQ(table.buffered_bytes(), 0u);
}

TEST(PeerTable, LessIsAlwaysAllowed) {
  PeerTable table({.max_buffered_bytes = 100, .max_buffered_bytes_per_peer = 60});
  auto seat = table.enter(kOne);
  EXPECT_TRUE(table.reserve(seat, 60));
  EXPECT_FALSE(table.reserve(seat, 61));
  EXPECT_TRUE(table.reserve(seat, 59));
  EXPECT_EQ(seat.reserved(), 59u);
}

TEST(PeerTable, ARestIsRememberedPastTheEndOfTheConnection) {
  PeerTable table({});
  auto seat = table.enter(kOne);
  EXPECT_EQ(table.pause_of_new(seat, kNow), milliseconds(0));
  const milliseconds own = table.begin_pause(seat, kNow, seconds(10));
  EXPECT_GE(own, seconds(5));
  EXPECT_LE(own, seconds(15));
  table.leave(seat);
  table.forget_paused(kNow + seconds(9));
  EXPECT_EQ(table.peers(), 1u);
  auto again = table.enter(kOne);
  const milliseconds left = table.pause_of_new(again, kNow + seconds(4));
  EXPECT_GE(left, seconds(3));
  EXPECT_LE(left, seconds(9));
  EXPECT_EQ(table.pause_of_new(again, kNow + seconds(10)), milliseconds(0));
  auto other = table.enter(kOther);
  EXPECT_EQ(table.pause_of_new(other, kNow), milliseconds(0)) << "another peer";
  table.leave(again);
  table.leave(other);
  table.forget_paused(kNow + seconds(10));
  EXPECT_EQ(table.peers(), 0u);
}

TEST(PeerTable, AShorterRestDoesNotEndALongerOne) {
  PeerTable table({});
  auto seat = table.enter(kOne);
  table.begin_pause(seat, kNow, seconds(10));
  table.begin_pause(seat, kNow, seconds(1));
  EXPECT_GT(table.pause_of_new(seat, kNow + seconds(9)), milliseconds(0));
  table.leave(seat);
}

TEST(PeerTable, ThoseWhoRestComeBackApart) {
  PeerTable table({});
  auto seat = table.enter(kOne);
  std::set<milliseconds> pauses;
  for (int i = 0; i < 10; ++i) pauses.insert(table.begin_pause(seat, kNow, seconds(10)));
  ASSERT_EQ(pauses.size(), 10u);
  milliseconds last = *pauses.begin();
  for (const milliseconds pause : pauses) {
    EXPECT_LE(pause - last, milliseconds(2500)) << "no crowd, no gap";
    last = pause;
  }
  table.leave(seat);
}

}  // namespace
}  // namespace podid::net
