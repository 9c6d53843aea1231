// SPDX-License-Identifier: Apache-2.0
#include "audit/ring.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "audit/records.hpp"
#include "base/file.hpp"
#include "support/allocation_counter.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

constexpr base::WallTime kAll = base::WallTime::max();

class RingTest : public testing::Test {
 protected:
  std::unique_ptr<Ring> make(unsigned worker = 0, std::size_t capacity = Ring::kMinCapacity) {
    auto ring = Ring::create(folder_.path(), "p1", worker, sequence_, capacity);
    EXPECT_TRUE(ring) << ring.error().message;
    return ring ? std::move(*ring) : nullptr;
  }
  static std::vector<Ring::Taken> take(Ring& ring, base::WallTime until = kAll) {
    std::vector<Ring::Taken> taken;
    ring.take(taken, until, SIZE_MAX);
    return taken;
  }
  static Record read(const Ring::Taken& taken) {
    std::string line;
    append_line(line, 0, taken.body, taken.count, taken.last);
    return parse_line(line).value();
  }

  test::TemporaryFolder folder_;
  std::atomic<std::uint64_t> sequence_{0};
};

TEST_F(RingTest, GivesWhatWasPutInOrder) {
  const auto ring = make();
  EXPECT_TRUE(ring->empty());
  ASSERT_TRUE(ring->put(test::record_of("a")));
  ASSERT_TRUE(ring->put(test::record_of("b")));
  const auto taken = take(*ring);
  ASSERT_EQ(taken.size(), 2);
  EXPECT_EQ(read(taken[0]).pod, "a");
  EXPECT_EQ(taken[0].sequence, 1);
  EXPECT_EQ(read(taken[1]).pod, "b");
  EXPECT_EQ(read(taken[1]).sequence, 2);
  EXPECT_FALSE(ring->empty());
  ring->release();
  EXPECT_TRUE(ring->empty());
  EXPECT_TRUE(take(*ring).empty());
}

TEST_F(RingTest, WhatIsNotReleasedComesAgain) {
  const auto ring = make();
  ASSERT_TRUE(ring->put(test::record_of("a")));
  EXPECT_EQ(take(*ring).size(), 1);
  EXPECT_TRUE(take(*ring).empty());
  ring->rewind();
  EXPECT_EQ(take(*ring).size(), 1);
}

TEST_F(RingTest, AFullRingSaysSoAndHasRoomAgainWhenReleased) {
  const auto ring = make();
  std::size_t put = 0;
  while (ring->put(test::record_of("a"))) ++put;
  EXPECT_GT(put, 200);
  const std::uint64_t last = sequence_;
  EXPECT_EQ(last, put);  // a record that found no room has no number
  EXPECT_GT(ring->fill(), 0.5);
  EXPECT_EQ(take(*ring).size(), put);
  EXPECT_FALSE(ring->put(test::record_of("b")));
  ring->release();
  EXPECT_TRUE(ring->put(test::record_of("b")));
}

TEST_F(RingTest, RecordsOfAllSizesGoRoundAndRound) {
  const auto ring = make();
  test::SeededRandom random;
  std::uint64_t taken_count = 0;
  std::vector<std::size_t> lengths;
  for (int round = 0; round < 400; ++round) {
    for (std::size_t i = random.below(20); i-- > 0;) {
      const std::string text(random.below(kMaxText), random.below(4) == 0 ? '\x01' : 'x');
      RecordView record = test::record_of(text);
      record.check = text;
      if (!ring->put(record)) break;
      lengths.push_back(text.size());
    }
    for (const Ring::Taken& taken : take(*ring)) {
      EXPECT_EQ(taken.sequence, taken_count + 1);
      EXPECT_EQ(read(taken).pod.size(), lengths[taken_count]);
      ++taken_count;
    }
    ring->release();
  }
  EXPECT_EQ(taken_count, sequence_);
  EXPECT_GT(taken_count, 2000);
}

TEST_F(RingTest, PuttingFoldingAndMissingAllocateNothing) {
  const auto ring = make();
  const RecordView record = test::record_of("a");
  const std::size_t before = test::allocations();
  const auto position = ring->put(record);
  ring->fold(*position, record.time, std::chrono::seconds(1));
  ring->miss();
  EXPECT_EQ(test::allocations(), before);
}

TEST_F(RingTest, TheSameAnswerAgainIsCountedWhereItIs) {
  const auto ring = make();
  const auto position = ring->put(test::record_of("a"));
  const auto at = [](int milliseconds) { return test::kNoon + std::chrono::milliseconds(milliseconds); };
  const auto second = std::chrono::seconds(1);
  EXPECT_TRUE(ring->fold(*position, at(10), second));
  EXPECT_TRUE(ring->fold(*position, at(990), second));
  EXPECT_FALSE(ring->fold(*position, at(1000), second));  // older than the fold
  EXPECT_FALSE(ring->fold(*position, at(-1), second));    // a clock that went back
  const auto taken = take(*ring);
  ASSERT_EQ(taken.size(), 1);
  EXPECT_EQ(taken[0].count, 3);
  EXPECT_EQ(taken[0].first, at(0));
  EXPECT_EQ(taken[0].last, at(990));
  EXPECT_FALSE(ring->fold(*position, at(10), second));  // the writer has it
  ring->rewind();
  EXPECT_EQ(take(*ring)[0].count, 3);
}

TEST_F(RingTest, APlaceThatWasWrittenOverCountsNoMore) {
  const auto ring = make();
  const auto position = ring->put(test::record_of("a"));
  for (int i = 0; i < 1000; ++i) {
    take(*ring);
    ring->release();
    ASSERT_TRUE(ring->put(test::record_of("b")));
  }
  EXPECT_FALSE(ring->fold(*position, test::kNoon, std::chrono::seconds(1)));
}

TEST_F(RingTest, OnlyWhatIsOldEnoughIsTaken) {
  const auto ring = make();
  ASSERT_TRUE(ring->put(test::record_of("a")));
  ASSERT_TRUE(ring->put(test::record_of("b", test::kNoon + std::chrono::milliseconds(5))));
  EXPECT_TRUE(take(*ring, test::kNoon).empty());
  EXPECT_EQ(take(*ring, test::kNoon + std::chrono::milliseconds(5)).size(), 1);
  EXPECT_EQ(take(*ring).size(), 1);
}

TEST_F(RingTest, ALivingProcessKeepsItsRing) {
  const auto ring = make();
  ASSERT_TRUE(ring->put(test::record_of("a")));
  EXPECT_EQ(Ring::adopt(ring->path()).error().kind, base::ErrorKind::conflict);
  std::vector<std::string> unreadable;
  EXPECT_TRUE(adopt_rings(folder_.path(), unreadable).empty());
  EXPECT_TRUE(unreadable.empty());
}

TEST_F(RingTest, AnotherProcessTakesUpWhatOneLeft) {
  std::string path;
  {
    const auto ring = make(3);
    path = ring->path();
    ASSERT_TRUE(ring->put(test::record_of("a")));
    take(*ring);
    ring->release();
    const auto position = ring->put(test::record_of("b"));
    ring->fold(*position, test::kNoon, std::chrono::seconds(1));
    ring->miss();
  }
  std::vector<std::string> unreadable;
  const auto rings = adopt_rings(folder_.path(), unreadable);
  ASSERT_EQ(rings.size(), 1);
  EXPECT_EQ(rings[0]->process(), "p1");
  EXPECT_EQ(rings[0]->worker(), 3);
  EXPECT_EQ(rings[0]->missed(), 1);
  const auto taken = take(*rings[0]);
  ASSERT_EQ(taken.size(), 1);
  EXPECT_EQ(read(taken[0]).pod, "b");
  EXPECT_EQ(taken[0].count, 2);
  EXPECT_EQ(taken[0].sequence, 2);
  rings[0]->remove();
  EXPECT_FALSE(base::read_file(path));
}

TEST_F(RingTest, WhatIsNoRingIsNamed) {
  ASSERT_TRUE(base::write_file(folder_.file("x.ring"), "hello"));
  ASSERT_TRUE(base::write_file(folder_.file("y.ring"), std::string(4096 + Ring::kMinCapacity, 'y')));
  std::vector<std::string> unreadable;
  EXPECT_TRUE(adopt_rings(folder_.path(), unreadable).empty());
  EXPECT_EQ(unreadable.size(), 2);
}

TEST_F(RingTest, WithoutRoomOnTheDiskThereIsNoRing) {
  EXPECT_FALSE(Ring::create("/proc", "p1", 0, sequence_));
  EXPECT_FALSE(Ring::create(folder_.path(), "p1", 0, sequence_, 300'000));
}

// A power cut leaves what it likes.
TEST_F(RingTest, DamageIsNeverTakenForARecord) {
  test::SeededRandom random;
  for (int i = 0; i < 300; ++i) {
    const test::TemporaryFolder folder;
    std::string path;
    {
      auto ring = Ring::create(folder.path(), "p1", 0, sequence_, Ring::kMinCapacity);
      path = (*ring)->path();
      for (int n = 0; n < 5; ++n) ASSERT_TRUE((*ring)->put(test::record_of("pod-" + std::to_string(n))));
    }
    std::string bytes = base::read_file(path).value();
    const std::size_t end = 4096 + 4096;
    for (std::size_t n = 1 + random.below(8); n-- > 0;) bytes[random.below(end)] = static_cast<char>(random.next());
    ASSERT_TRUE(base::write_file(path, bytes));
    auto ring = Ring::adopt(path);
    if (!ring) continue;
    for (const Ring::Taken& taken : take(**ring)) {
      const std::string pod = read(taken).pod;
      EXPECT_TRUE(pod.starts_with("pod-")) << pod;
    }
  }
}

TEST_F(RingTest, ATornRecordIsThePlaceWhereARingEnds) {
  std::string path;
  {
    const auto ring = make();
    path = ring->path();
    for (int n = 0; n < 5; ++n) ASSERT_TRUE(ring->put(test::record_of("pod-" + std::to_string(n))));
  }
  std::string bytes = base::read_file(path).value();
  bytes[bytes.find("pod-3")] = 'P';
  ASSERT_TRUE(base::write_file(path, bytes));
  auto ring = Ring::adopt(path);
  ASSERT_TRUE(ring);
  EXPECT_EQ(take(**ring).size(), 3);
  EXPECT_TRUE((*ring)->damaged());
}

TEST_F(RingTest, ProducerAndConsumerMeetInTwoThreads) {
  const auto ring = make();
  constexpr std::uint64_t kRecords = 20'000;
  std::uint64_t folded = 0;
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      std::optional<Ring::Position> position;
      while (!(position = ring->put(test::record_of("a")))) std::this_thread::yield();
      folded += ring->fold(*position, test::kNoon, std::chrono::seconds(1)) ? 1 : 0;
    }
  });
  std::uint64_t records = 0;
  std::uint64_t answers = 0;
  while (records < kRecords) {
    for (const Ring::Taken& taken : take(*ring)) {
      EXPECT_EQ(taken.sequence, ++records);
      answers += taken.count;
    }
    ring->release();
  }
  producer.join();
  EXPECT_EQ(answers, kRecords + folded);
}

// The child counts its records in shared memory, after each. Whatever the instant of its end: what it counted is in the
// ring, at most one more, and each whole.
TEST_F(RingTest, NothingIsLostWhereverTheProcessIsKilled) {
  test::SeededRandom random(42);
  auto* counted = static_cast<std::atomic<std::uint64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < 40; ++i) {
    counted->store(0);
    const test::TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
      std::atomic<std::uint64_t> sequence{0};
      auto ring = Ring::create(folder.path(), "p1", 0, sequence, Ring::kDefaultCapacity);
      while ((*ring)->put(test::record_of("pod"))) counted->fetch_add(1);
      ::pause();
      ::_exit(0);
    }
    const std::uint64_t enough = random.below(3000);
    while (counted->load() < enough) std::this_thread::yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::vector<std::string> unreadable;
    const auto rings = adopt_rings(folder.path(), unreadable);
    if (rings.empty()) {  // killed before the ring was whole
      EXPECT_EQ(counted->load(), 0);
      continue;
    }
    const auto taken = take(*rings[0]);
    EXPECT_FALSE(rings[0]->damaged());
    EXPECT_GE(taken.size(), counted->load());
    EXPECT_LE(taken.size(), counted->load() + 1);
    for (std::size_t n = 0; n < taken.size(); ++n) EXPECT_EQ(taken[n].sequence, n + 1);
  }
  ::munmap(counted, 4096);
}

}  // namespace
}  // namespace podid::audit
