// SPDX-License-Identifier: Apache-2.0
// Where a worker puts the record of an answer before the answer leaves: a file of its own, mapped and shared, so that
// what was put survives kill -9 of the process at any instant. Not a power cut: nothing here is synced.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/record.hpp"

namespace podid::audit {

// One producer (the worker: put, fold, miss), one consumer (the writer: take, release, missed…), each on any one
// thread. Neither takes a lock, makes a system call or allocates (but take(), for `out`).
class Ring {
 public:
  static constexpr std::size_t kMinCapacity = 256 * 1024;
  static constexpr std::size_t kDefaultCapacity = 4 * 1024 * 1024;  // some 6 000 records

  // Makes the file `folder/process-worker.ring` (0600) with all its space reserved and mapped, and keeps it locked
  // (flock) while this object lives: who may lock a ring knows that its process has ended. `sequence` numbers the
  // records of all rings of the process and outlives them; `capacity` is a power of two, at least kMinCapacity.
  static base::Result<std::unique_ptr<Ring>> create(const std::string& folder, std::string_view process,
                                                    unsigned worker, std::atomic<std::uint64_t>& sequence,
                                                    std::size_t capacity = kDefaultCapacity);
  // A ring that a process left behind, as consumer only. ErrorKind::conflict: its process lives; invalid: it is no
  // ring.
  static base::Result<std::unique_ptr<Ring>> adopt(const std::string& path);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // --- producer ---
  struct Position {
    std::uint64_t offset = 0;
  };
  // The record is safe from kill -9 when this returns. Nothing: there is no room; nothing was written, the caller
  // waits, refuses, or issues all the same and says so by miss().
  std::optional<Position> put(const RecordView& record);
  // The same answer again as at `position`, at `time`: counted there. False: the writer has taken that record, or it is
  // older than `fold`, so put a new one.
  bool fold(Position position, base::WallTime time, base::Duration fold);
  // An answer leaves without a record. Counted in the file; the log gets a gap record with the exact number.
  void miss();

  // --- consumer ---
  struct Taken {
    std::uint64_t sequence;
    std::string_view body;  // valid until release()
    std::uint64_t count;
    base::WallTime first;
    base::WallTime last;
  };
  // Appends to `out` the records not yet taken, first to last, that were put before `until` (a fold counts no more in
  // them); at most `max_bytes` of bodies, but at least one. They stay in the ring until release().
  void take(std::vector<Taken>& out, base::WallTime until, std::size_t max_bytes);
  // What was taken is in the log: its room is the producer's again.
  void release();
  // Forgets what was taken since the last release: the next take() gives it again.
  void rewind();
  std::uint64_t missed() const;           // in all
  std::uint64_t missed_reported() const;  // of these in the log
  void report_missed(std::uint64_t total);
  // Bytes of the file that hold no record because they were damaged (power cut): the ring's rest was given up.
  bool damaged() const { return damaged_; }

  // --- both ---
  bool empty() const;
  // 0 to 1: how full. A hint for either side.
  double fill() const;
  std::string_view process() const { return process_; }
  unsigned worker() const { return worker_; }
  const std::string& path() const { return path_; }
  // Removes the file. What it held is gone.
  void remove();

 private:
  struct Header;
  Ring() = default;

  std::string path_;
  std::string process_;
  unsigned worker_ = 0;
  int fd_ = -1;
  Header* header_ = nullptr;
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::atomic<std::uint64_t>* sequence_ = nullptr;
  std::uint64_t next_ = 0;  // consumer: where the next take() reads
  bool damaged_ = false;
};

// The rings of processes that have ended, in the order of their names. Those that are no rings are left and named in
// `unreadable`.
std::vector<std::unique_ptr<Ring>> adopt_rings(const std::string& folder, std::vector<std::string>& unreadable);

}  // namespace podid::audit
