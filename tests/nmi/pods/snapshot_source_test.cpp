// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/snapshot_source.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace podid::nmi {
namespace {

constexpr base::SteadyTime kSomeTime{std::chrono::hours(1)};

TEST(SnapshotSource, WakesItsReadersAfterWhatMayEndTheirWait) {
  SnapshotSource source;
  SnapshotSource::Reader reader(source);
  SnapshotPtr seen;
  int woken = 0;
  const SnapshotSource::WakeUp wake_up(source, [&] {
    ++woken;
    seen = reader.get();
  });
  const auto snapshot = std::make_shared<const Snapshot>();
  source.publish(snapshot);
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(seen, snapshot) << "who is woken finds what it was woken for";

  source.set_doubt(kSomeTime);
  source.set_unreported(true);
  source.heard(kSomeTime);
  EXPECT_EQ(woken, 1) << "a doubt that begins ends no wait";
  source.set_doubt({});
  EXPECT_EQ(woken, 2);
  source.set_unreported(false);
  EXPECT_EQ(woken, 3);
}

TEST(SnapshotSource, NobodyIsWokenWhoHasGone) {
  SnapshotSource source;
  int first = 0;
  int second = 0;
  const SnapshotSource::WakeUp stays(source, [&first] { ++first; });
  {
    const SnapshotSource::WakeUp goes(source, [&second] { ++second; });
    source.publish(std::make_shared<const Snapshot>());
  }
  source.publish(std::make_shared<const Snapshot>());
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 1);
}

// For the thread sanitizer, too.
TEST(SnapshotSource, ReadersComeAndGoWhileOneThreadPublishes) {
  SnapshotSource source;
  std::jthread control([&source](const std::stop_token& stop) {
    while (!stop.stop_requested()) source.publish(std::make_shared<const Snapshot>());
  });
  for (int i = 0; i < 1000; ++i) {
    std::atomic<bool> alive = true;
    {
      const SnapshotSource::WakeUp wake_up(source, [&alive] { EXPECT_TRUE(alive); });
    }
    alive = false;
  }
}

}  // namespace
}  // namespace podid::nmi
