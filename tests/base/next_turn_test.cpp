// SPDX-License-Identifier: Apache-2.0
#include "base/next_turn.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>

namespace podid::base {
namespace {

TEST(NextTurn, RunsOnceBehindWhatIsReady) {
  asio::io_context loop;
  std::string order;
  NextTurn turn(loop.get_executor(), [&order] { order += 'T'; });
  asio::post(loop, [&] {
    order += 'a';
    turn.request();
    turn.request();
  });
  asio::post(loop, [&] {
    order += 'b';
    turn.request();
  });
  loop.poll();
  EXPECT_EQ(order, "abT");
  EXPECT_FALSE(turn.requested());
}

TEST(NextTurn, MayAskForAnotherTurn) {
  asio::io_context loop;
  int turns = 0;
  std::optional<NextTurn> turn;
  turn.emplace(loop.get_executor(), [&] {
    if (++turns < 3) turn->request();
  });
  turn->request();
  EXPECT_TRUE(turn->requested());
  EXPECT_EQ(turns, 0) << "never from within request()";
  loop.poll();
  EXPECT_EQ(turns, 3);
}

TEST(NextTurn, DoesNotComeAfterItsEnd) {
  asio::io_context loop;
  int turns = 0;
  {
    NextTurn turn(loop.get_executor(), [&turns] { ++turns; });
    turn.request();
  }
  loop.poll();
  EXPECT_EQ(turns, 0);
}

}  // namespace
}  // namespace podid::base
