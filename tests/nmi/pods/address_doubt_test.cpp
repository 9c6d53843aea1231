// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/address_doubt.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::nmi {
namespace {

class AddressDoubtTest : public ::testing::Test {
 protected:
  ~AddressDoubtTest() override { test::run_task(io, doubt.stop()); }

  base::Task<base::Result<>> ask() {
    ++asked;
    const auto [woken] = co_await gate.async_wait(base::as_result);
    static_cast<void>(woken);
    if (!reachable) co_return base::fail(base::ErrorKind::unavailable, "no route");
    co_return base::Result<>{};
  }
  // The answer to what was asked so far.
  void answer(bool reached) {
    reachable = reached;
    gate.cancel();
    poll();
  }
  void poll() {
    io.restart();
    io.poll();
  }
  bool in_doubt() const { return source.doubt() != base::SteadyTime{}; }

  base::asio::io_context io{1};
  test::FakeClock clock;
  test::SeededRandom random{1};
  SnapshotSource source;
  base::SteadyTimer gate{io.get_executor(), base::SteadyTime::max()};
  int asked = 0;
  int settled = 0;
  bool reachable = true;
  AddressDoubt doubt{io.get_executor(), [this] { return ask(); }, source, clock, random};
  SnapshotSource::WakeUp count{source, [this] { ++settled; }};
};

TEST_F(AddressDoubtTest, AnInterfaceIsInDoubtUntilTheApiServerHasAnswered) {
  doubt.interface_appeared();
  EXPECT_TRUE(in_doubt());
  poll();
  EXPECT_EQ(asked, 1);
  answer(true);
  EXPECT_FALSE(in_doubt());
  EXPECT_EQ(settled, 1);
}

TEST_F(AddressDoubtTest, TheKubeletIsGivenTimeAndTheApiServerAskedOnceMore) {
  doubt.interface_appeared();
  poll();
  answer(true);
  EXPECT_TRUE(source.unreported());
  clock.advance(kStatusWait / 2);
  poll();
  doubt.interface_appeared();
  EXPECT_TRUE(in_doubt());
  poll();
  EXPECT_EQ(asked, 2);
  answer(true);
  EXPECT_FALSE(in_doubt());
  clock.advance(kStatusWait / 2);
  poll();
  EXPECT_EQ(asked, 2) << "from the later one on";
  clock.advance(kStatusWait);
  poll();
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(in_doubt());
  EXPECT_TRUE(source.unreported());
  answer(true);
  EXPECT_FALSE(source.unreported());
  EXPECT_EQ(settled, 3);
}

TEST_F(AddressDoubtTest, OneThatAppearsWhileAskingIsAskedAboutAgain) {
  doubt.interface_appeared();
  poll();
  doubt.interface_appeared();
  doubt.interface_appeared();
  answer(true);
  EXPECT_TRUE(in_doubt());
  EXPECT_EQ(asked, 2);
  answer(true);
  EXPECT_FALSE(in_doubt());
}

TEST_F(AddressDoubtTest, WithoutAnAnswerTheDoubtLastsFromItsBeginning) {
  const base::SteadyTime began = clock.steady_now();
  doubt.interface_appeared();
  poll();
  for (int i = 2; i < 6; ++i) {
    answer(false);
    EXPECT_EQ(source.doubt(), began);
    clock.advance(std::chrono::seconds(10));
    poll();
    EXPECT_EQ(asked, i);
  }
  answer(true);
  EXPECT_FALSE(in_doubt());
  EXPECT_EQ(settled, 1);
}

}  // namespace
}  // namespace podid::nmi
