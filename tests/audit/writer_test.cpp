// SPDX-License-Identifier: Apache-2.0
#include "audit/writer.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "audit/line_reader.hpp"
#include "audit/records.hpp"
#include "base/file.hpp"
#include "support/fake_clock.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

WriterOptions options_in(const test::TemporaryFolder& folder, std::string process = "p1") {
  return {.log = {.path = folder.file("log/audit.log"), .cluster = "prod", .node = "node-1"},
          .ring_folder = folder.file("rings"),
          .workers = 2,
          .ring_capacity = Ring::kMinCapacity,
          .process = std::move(process)};
}

std::vector<std::string> lines_in(const test::TemporaryFolder& folder) {
  const std::string path = folder.file("log/audit.log");
  std::vector<std::string> files = backups_of(path);
  files.push_back(path);
  std::vector<std::string> all;
  for (const std::string& file : files) {
    auto reader = LineReader::open(file);
    if (!reader) continue;
    for (auto line = reader->next(); line && *line; line = reader->next()) all.emplace_back(**line);
  }
  return all;
}

std::vector<Record> records_in(const test::TemporaryFolder& folder, Kind kind = Kind::token) {
  std::vector<Record> found;
  for (const std::string& line : lines_in(folder)) {
    auto record = parse_line(line);
    EXPECT_TRUE(record) << line;
    if (record && record->kind == kind) found.push_back(std::move(*record));
  }
  return found;
}

class WriterTest : public testing::Test {
 protected:
  std::unique_ptr<Writer> make(std::string process = "p1") {
    WriterOptions options = options_in(folder_, std::move(process));
    options.fold = fold_;
    auto writer = Writer::make(std::move(options), clock_);
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }
  RecordView record(std::string_view pod) const { return test::record_of(pod, clock_.wall_now()); }
  std::size_t rings() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.file("rings")), {}));
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  base::Duration fold_{};
};

TEST_F(WriterTest, WhatIsPutIsAppended) {
  const auto writer = make();
  EXPECT_EQ(writer->log(), nullptr);
  EXPECT_TRUE(writer->ring(0).put(record("a")));
  EXPECT_TRUE(writer->ring(1).put(record("b")));
  const auto drained = writer->drain();
  ASSERT_TRUE(drained) << drained.error().message;
  EXPECT_EQ(drained->records, 2);
  EXPECT_FALSE(drained->synced);
  const auto records = records_in(folder_);
  ASSERT_EQ(records.size(), 2);
  EXPECT_EQ(records[0].pod, "a");
  EXPECT_EQ(records[1].pod, "b");
  EXPECT_EQ(records[1].process, "p1");
  EXPECT_EQ(records_in(folder_, Kind::start)[0].reason, "new");
  EXPECT_EQ(records_in(folder_, Kind::start)[0].origin, writer->log()->origin());
  EXPECT_TRUE(writer->ring(0).empty());
}

TEST_F(WriterTest, SyncsWhenTheIntervalHasPassed) {
  const auto writer = make();
  EXPECT_FALSE(writer->drain()->synced);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(writer->drain()->synced);
  EXPECT_FALSE(writer->drain()->synced);
}

TEST_F(WriterTest, AFoldIsOneLineWithItsCountAndTimes) {
  fold_ = std::chrono::seconds(1);
  const auto writer = make();
  ASSERT_TRUE(writer->drain());
  const base::WallTime first = clock_.wall_now();
  const auto position = writer->ring(0).put(record("a"));
  clock_.advance(std::chrono::milliseconds(400));
  EXPECT_TRUE(writer->ring(0).fold(*position, clock_.wall_now(), fold_));
  EXPECT_EQ(writer->drain()->records, 0);  // it may grow yet
  clock_.advance(std::chrono::milliseconds(100));
  EXPECT_TRUE(writer->ring(0).fold(*position, clock_.wall_now(), fold_));
  EXPECT_EQ(writer->flush()->records, 1);
  EXPECT_FALSE(writer->ring(0).fold(*position, clock_.wall_now(), fold_));
  const auto records = records_in(folder_);
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(records[0].count, 3);
  EXPECT_EQ(records[0].time, first);
  EXPECT_EQ(records[0].last, first + std::chrono::milliseconds(500));
}

TEST_F(WriterTest, APressedRingIsEmptiedWhateverTheFold) {
  fold_ = std::chrono::hours(1);
  const auto writer = make();
  ASSERT_TRUE(writer->drain());
  ASSERT_TRUE(writer->ring(1).put(record("a")));
  EXPECT_EQ(writer->drain()->records, 0);
  while (writer->ring(1).put(record("a"))) {
  }
  EXPECT_TRUE(writer->is_pressed());
  EXPECT_GT(writer->drain()->records, 100);
  EXPECT_FALSE(writer->is_pressed());
}

TEST_F(WriterTest, AnswersWithoutARecordAreAGapWithTheirNumber) {
  const auto writer = make();
  writer->ring(1).miss();
  writer->ring(1).miss();
  EXPECT_EQ(writer->drain()->gaps, 2);
  EXPECT_EQ(writer->drain()->gaps, 0);
  writer->ring(1).miss();
  EXPECT_EQ(writer->drain()->gaps, 1);
  const auto gaps = records_in(folder_, Kind::gap);
  ASSERT_EQ(gaps.size(), 2);
  EXPECT_EQ(gaps[0].worker, 1);
  EXPECT_EQ(gaps[0].missing, 2);
  EXPECT_EQ(gaps[1].missing, 1);
  EXPECT_EQ(gaps[1].missing_total, 3);
}

TEST_F(WriterTest, WhatAnEndedProcessLeftComesFirst) {
  {
    const auto writer = make();
    ASSERT_TRUE(writer->drain());
    ASSERT_TRUE(writer->ring(0).put(record("a")));
    writer->ring(1).miss();
  }
  EXPECT_EQ(rings(), 2);
  const auto writer = make("p2");
  ASSERT_TRUE(writer->drain());
  EXPECT_EQ(writer->recovered(), 1);
  EXPECT_EQ(rings(), 2);  // its own
  const auto records = records_in(folder_);
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(records[0].process, "p1");
  EXPECT_EQ(records_in(folder_, Kind::gap)[0].missing, 1);
  const auto starts = records_in(folder_, Kind::start);
  ASSERT_EQ(starts.size(), 2);
  EXPECT_GT(*starts[1].index, *records[0].index);
}

TEST_F(WriterTest, WhatIsInTheLogAlreadyIsNotDoubled) {
  // As if killed between the append and the release: the ring's file from before, the log's from after.
  const std::string ring = folder_.file("rings/p1-0.ring");
  std::string before;
  {
    const auto writer = make();
    ASSERT_TRUE(writer->drain());
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer->ring(0).put(record("a")));
    writer->ring(0).miss();
    before = base::read_file(ring).value();
    ASSERT_TRUE(writer->drain());
  }
  EXPECT_EQ(rings(), 0);
  ASSERT_TRUE(base::write_file(ring, before));
  const auto writer = make("p2");
  ASSERT_TRUE(writer->drain());
  EXPECT_EQ(writer->recovered(), 0);
  EXPECT_EQ(records_in(folder_).size(), 100);
  EXPECT_EQ(records_in(folder_, Kind::gap).size(), 1);
}

TEST_F(WriterTest, ADamagedRingIsSetAsideAndNamed) {
  const std::string ring = folder_.file("rings/p1-0.ring");
  {
    const auto writer = make();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->ring(0).put(record("pod-" + std::to_string(i))));
  }
  std::string bytes = base::read_file(ring).value();
  bytes[bytes.find("pod-1")] = 'P';
  ASSERT_TRUE(base::write_file(ring, bytes));
  ASSERT_TRUE(base::write_file(folder_.file("rings/none.ring"), "x"));
  const auto writer = make("p2");
  ASSERT_TRUE(writer->drain());
  EXPECT_EQ(writer->recovered(), 1);
  EXPECT_EQ(writer->unreadable().size(), 2);
  EXPECT_TRUE(std::filesystem::exists(ring + ".damaged"));
}

TEST_F(WriterTest, WhileAnotherProcessHasTheLogTheRingsFill) {
  auto first = make();
  ASSERT_TRUE(first->drain());
  const auto second = make("p2");
  ASSERT_TRUE(second->ring(0).put(record("b")));
  EXPECT_EQ(second->drain().error().kind, base::ErrorKind::unavailable);
  ASSERT_TRUE(first->ring(0).put(record("a")));
  ASSERT_TRUE(first->flush());
  first.reset();
  ASSERT_TRUE(second->drain());
  const auto records = records_in(folder_);
  ASSERT_EQ(records.size(), 2);
  EXPECT_EQ(records[0].pod, "a");
  EXPECT_EQ(records[1].pod, "b");
}

TEST_F(WriterTest, ALogThatCannotBeWrittenLeavesTheRecordsInTheRings) {
  ASSERT_TRUE(base::write_file(folder_.file("log"), "in the way"));
  const auto writer = make();
  ASSERT_TRUE(writer->ring(0).put(record("a")));
  EXPECT_FALSE(writer->drain());
  EXPECT_FALSE(writer->acknowledge(1));
  EXPECT_FALSE(writer->checkpoint());
  EXPECT_FALSE(writer->ring(0).empty());
  std::filesystem::remove(folder_.file("log"));
  EXPECT_EQ(writer->drain()->records, 1);
  EXPECT_EQ(records_in(folder_).size(), 1);
}

TEST_F(WriterTest, ACheckpointCoversWhatWasPut) {
  const auto writer = make();
  ASSERT_TRUE(writer->ring(0).put(record("a")));
  const auto note = writer->checkpoint();
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(parse_checkpoint(parse_note(*note)->text)->size, 2);
}

TEST_F(WriterTest, AcknowledgementsAreInTheLog) {
  const auto writer = make();
  ASSERT_TRUE(writer->drain());
  ASSERT_TRUE(writer->acknowledge(17));
  EXPECT_EQ(records_in(folder_, Kind::acknowledged)[0].through, 17);
}

TEST_F(WriterTest, TheThreadAppendsRunsWorkAndFlushesAtItsEnd) {
  base::RealClock clock;
  auto writer = Writer::make(options_in(folder_), clock).value();
  std::uint64_t told = 0;
  std::promise<std::string> note;
  {
    WriterThread thread(*writer, [&told](const base::Result<Drained>& drained) {
      ASSERT_TRUE(drained) << drained.error().message;
      told += drained->records;
    });
    for (int i = 0; i < 3000; ++i) {
      while (!writer->ring(0).put(test::record_of("a"))) thread.wake();
    }
    thread.post([&note](Writer& w) { note.set_value(w.checkpoint().value_or("")); });
    EXPECT_TRUE(parse_note(note.get_future().get()));
    ASSERT_TRUE(writer->ring(1).put(test::record_of("b")));
  }
  EXPECT_EQ(records_in(folder_).size(), 3001);
  EXPECT_LE(told, 3001);  // what a checkpoint appended is not told
}

// A process that puts and drains is killed at any instant, and another takes over: each record that was put is in the
// log once, the tree is that of the lines, and the log is the same one. In the child's shared memory: how many records
// each worker put.
TEST(AuditKill, NoRecordIsLostOrDoubledWhereverTheProcessIsKilled) {
  test::SeededRandom random(7);
  const test::TemporaryFolder folder;
  auto* put = static_cast<std::atomic<std::uint64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::map<std::string, std::uint64_t> wanted;
  std::uint64_t missed = 0;
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    put[0] = put[1] = 0;
    const std::string process = "p" + std::to_string(round);
    const pid_t child = ::fork();
    if (child == 0) {
      base::RealClock clock;
      WriterOptions options = options_in(folder, process);
      options.log.max_size_mib = 1;
      options.sync_interval = std::chrono::milliseconds(3);
      auto writer = Writer::make(std::move(options), clock);
      if (!writer) ::_exit(1);
      std::thread drains([&] {
        while (true) static_cast<void>((*writer)->drain());
      });
      for (std::uint64_t i = 0;; ++i) {
        if (i % 100 == 99) {
          put[1].fetch_add(1);
          (*writer)->ring(1).miss();
        } else if ((*writer)->ring(0).put(test::record_of("pod"))) {
          put[0].fetch_add(1);
        }
      }
    }
    const std::uint64_t enough = random.below(2500);
    while (put[0].load() < enough) std::this_thread::yield();
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    wanted[process] = put[0];
    missed += put[1];
  }
  ::munmap(put, 4096);

  base::RealClock clock;
  WriterOptions options = options_in(folder, "last");
  options.log.max_size_mib = 1;
  auto writer = Writer::make(std::move(options), clock).value();
  ASSERT_TRUE(writer->flush());
  std::map<std::string, std::set<std::uint64_t>> found;
  std::uint64_t gap = 0;
  std::set<std::string> origins;
  Frontier frontier;
  for (const std::string& line : lines_in(folder)) {
    frontier.append(leaf_hash(line));
    const auto record = parse_line(line);
    ASSERT_TRUE(record) << line;
    if (record->kind == Kind::start) origins.insert(record->origin);
    if (record->kind == Kind::gap) gap += record->missing;
    if (record->kind == Kind::token) EXPECT_TRUE(found[record->process].insert(record->sequence).second) << line;
  }
  for (const auto& [process, count] : wanted) {
    const auto& sequences = found[process];
    EXPECT_GE(sequences.size(), count) << process;
    EXPECT_LE(sequences.size(), count + 1) << process;
    if (!sequences.empty()) EXPECT_EQ(*sequences.rbegin(), sequences.size()) << process;
  }
  // One that was counted here and not yet there, each time at most.
  EXPECT_LE(gap, missed);
  EXPECT_GE(gap + kRounds, missed);
  EXPECT_EQ(origins.size(), 1);
  EXPECT_EQ(frontier.root(), writer->log()->root());
}

}  // namespace
}  // namespace podid::audit
