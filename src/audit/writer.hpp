// SPDX-License-Identifier: Apache-2.0
// From the rings to the log: takes, frames, appends, hashes, syncs, rotates. One thread drives it (WriterThread, or a
// test).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "audit/log.hpp"
#include "audit/record.hpp"
#include "audit/ring.hpp"

namespace podid::audit {

struct WriterOptions {
  LogOptions log;
  // For rings; made if absent (0700). On a file system in memory a reboot loses at most what was not yet appended, as a
  // power cut does anyway.
  std::string ring_folder;
  unsigned workers = 1;
  std::size_t ring_capacity = Ring::kDefaultCapacity;
  std::string process;                                     // of [a-z0-9-]: unique for each start of the program
  base::Duration fold{};                                   // --audit-fold; 0: each answer a record
  base::Duration sync_interval = std::chrono::seconds(1);  // --audit-sync-interval
};

// What one drain() did, for metrics and events.
struct Drained {
  std::uint64_t records = 0;         // lines appended
  std::uint64_t gaps = 0;            // answers without a record that the log now says
  std::vector<DeletedFile> deleted;  // by retention
  bool synced = false;
};

// Not thread-safe, but for the rings' producers. Blocking: file calls on the calling thread.
class Writer {
 public:
  // Makes the rings, which is all that workers need; the log is opened by the first drain(). Errors are those of the
  // rings.
  static base::Result<std::unique_ptr<Writer>> make(WriterOptions options, const base::Clock& clock);
  // Removes rings whose records are all in the log.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Of worker 0 … workers - 1; each for one producer thread. They live as long as the writer.
  Ring& ring(unsigned worker) { return *rings_[worker]; }

  // Opens the log where it is not open yet: what rings of ended processes hold and is not in it comes first, then a
  // start record. Then takes what is due, appends it and gives the room back; syncs where the interval has passed, and
  // then everything is due. An error (disk full, read-only, another process's log as yet) leaves the records in the
  // rings: the next call tries again.
  base::Result<Drained> drain();
  // Everything, and synced: at the end, and before a checkpoint.
  base::Result<Drained> flush();
  // Whether drain() would find a ring more than half full: worth a call at once.
  bool is_pressed() const;

  // Flushes: a checkpoint of the log as it is now, signed by its key (note.hpp), written beside its tiles.
  base::Result<std::string> checkpoint();
  // Notes in the log that the events of all records before `through` are at the API server.
  base::Result<> acknowledge(std::uint64_t through);
  // Null until it is open.
  Log* log() { return log_.get(); }
  // Rings left by others that could not be read, in words; they stay (`….damaged`) for a person to look at.
  const std::vector<std::string>& unreadable() const { return unreadable_; }
  // Records found in rings of processes that had been killed.
  std::uint64_t recovered() const { return recovered_; }

 private:
  Writer(WriterOptions options, const base::Clock& clock) : options_(std::move(options)), clock_(clock) {}
  base::Result<Drained> drain_until(base::WallTime until);
  base::Result<> open_log();
  base::Result<> recover(Log& log);
  base::Result<std::uint64_t> append_gap(Log& log, Ring& ring, std::vector<DeletedFile>& deleted);

  WriterOptions options_;
  const base::Clock& clock_;
  std::unique_ptr<Log> log_;
  std::atomic<std::uint64_t> sequence_{0};
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<std::string> unreadable_;
  std::uint64_t recovered_ = 0;
  std::vector<Ring::Taken> taken_;
  std::vector<DeletedFile> deleted_;  // not yet told by drain()
  base::SteadyTime last_sync_;
};

// Drives a writer each `pause` (50 ms by default), sooner when woken, 100 ms after a failure. `report` is called on
// this thread after each drain, with its outcome; it must not block for long, as the rings fill up meanwhile.
class WriterThread {
 public:
  using Report = std::function<void(const base::Result<Drained>&)>;
  WriterThread(Writer& writer, Report report, std::chrono::milliseconds pause = std::chrono::milliseconds(50));
  // Flushes and ends.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // Runs `work` on the writer's thread between two drains (checkpoints, acknowledgements). Any thread.
  void post(std::function<void(Writer&)> work);
  // A ring is full: drain now. Any thread.
  void wake();

 private:
  void run();

  Writer& writer_;
  Report report_;
  std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void(Writer&)>> posted_;
  bool woken_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace podid::audit
