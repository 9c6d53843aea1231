// SPDX-License-Identifier: Apache-2.0
// A disk that is full or read-only: a small file system in memory, in a mount namespace of the test's own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "audit/line_reader.hpp"
#include "audit/records.hpp"
#include "audit/writer.hpp"
#include "support/fake_clock.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

class AuditDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  // In a child, with `size` of disk at disk(). Returns what was wrong.
  std::string on_a_disk(const char* size, const std::function<std::string()>& body) {
    std::filesystem::create_directory(disk());
    return test::in_child([&]() -> std::string {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("tmpfs", disk().c_str(), "tmpfs", 0, (std::string("size=") + size).c_str()) != 0) {
        return "no disk of its own";
      }
      return body();
    });
  }
  std::string disk() const { return folder_.file("disk"); }
  WriterOptions options() const {
    return {.log = {.path = disk() + "/audit.log", .cluster = "c", .node = "n", .max_size_mib = 1, .max_backups = 0},
            .ring_folder = folder_.file("rings"),
            .ring_capacity = Ring::kMinCapacity,
            .process = "p1"};
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> files = backups_of(disk() + "/audit.log");
    files.push_back(disk() + "/audit.log");
    std::vector<std::string> all;
    for (const std::string& file : files) {
      auto reader = LineReader::open(file);
      for (auto line = reader->next(); *line; line = reader->next()) all.emplace_back(**line);
    }
    return all;
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
};

TEST_F(AuditDiskTest, AFullDiskLosesNothingAndHealsWhenThereIsRoom) {
  EXPECT_EQ(on_a_disk("4m",
                      [&]() -> std::string {
                        auto writer = Writer::make(options(), clock_);
                        if (!writer) return writer.error().message;
                        Ring& ring = (*writer)->ring(0);
                        std::size_t put = 0;
                        std::string error;
                        // Until the ring is full because the disk is.
                        while (ring.put(test::record_of("pod"))) {
                          ++put;
                          const auto drained = (*writer)->drain();
                          if (!drained) error = drained.error().message;
                          if (put > 100'000) return "the disk is never full";
                        }
                        if (!error.contains("No space left on device")) return "not said: " + error;
                        const auto before = lines();
                        for (const std::string& line : before) {
                          if (!parse_line(line)) return "half a line: " + line;
                        }
                        if (before.size() >= put) return "all of it was written";
                        if (::mount(nullptr, disk().c_str(), nullptr, MS_REMOUNT, "size=40m") != 0)
                          return "no larger disk";
                        const auto flushed = (*writer)->flush();
                        if (!flushed) return flushed.error().message;
                        Frontier frontier;
                        std::size_t records = 0;
                        for (const std::string& line : lines()) {
                          frontier.append(leaf_hash(line));
                          records += parse_line(line)->kind == Kind::token ? 1 : 0;
                        }
                        if (records != put) return std::to_string(records) + " of " + std::to_string(put);
                        if (frontier.root() != (*writer)->log()->root()) return "another tree";
                        return (*writer)->checkpoint() ? "" : "no checkpoint";
                      }),
            "");
}

TEST_F(AuditDiskTest, ADiskWithoutRoomForOneFileIsSaidAtTheStart) {
  EXPECT_EQ(on_a_disk("512k",
                      [&]() -> std::string {
                        auto writer = Writer::make(options(), clock_);
                        if (!writer) return writer.error().message;
                        const auto drained = (*writer)->drain();
                        if (drained) return "it was opened";
                        return drained.error().message.contains("--audit-log-maxsize") ? "" : drained.error().message;
                      }),
            "");
}

TEST_F(AuditDiskTest, ADiskThatTurnsReadOnlyLosesNothing) {
  EXPECT_EQ(on_a_disk("16m",
                      [&]() -> std::string {
                        auto writer = Writer::make(options(), clock_);
                        if (!writer) return writer.error().message;
                        if (!(*writer)->ring(0).put(test::record_of("a")) || !(*writer)->flush()) return "no log";
                        std::string origin = (*writer)->log()->origin();
                        writer->reset();
                        if (::mount(nullptr, disk().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
                          return "not read-only";
                        WriterOptions second = options();
                        second.process = "p2";
                        writer = Writer::make(second, clock_);
                        if (!writer) return writer.error().message;
                        if (!(*writer)->ring(0).put(test::record_of("b"))) return "no room in the ring";
                        const auto drained = (*writer)->drain();
                        if (drained || !drained.error().message.contains("Read-only")) return "not said";
                        if (::mount(nullptr, disk().c_str(), nullptr, MS_REMOUNT, nullptr) != 0)
                          return "still read-only";
                        if (!(*writer)->flush()) return "not healed";
                        if ((*writer)->log()->origin() != origin) return "another log";
                        return lines().size() == 4 ? "" : std::to_string(lines().size()) + " lines";
                      }),
            "");
}

}  // namespace
}  // namespace podid::audit
