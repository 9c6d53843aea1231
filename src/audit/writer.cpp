// SPDX-License-Identifier: Apache-2.0
#include "audit/writer.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

namespace podid::audit {
namespace {

constexpr std::size_t kBatch = std::size_t{1} << 20;  // bytes of bodies taken from a ring at once
constexpr double kPressed = 0.5;
constexpr std::chrono::milliseconds kAfterFailure(100);
constexpr base::WallTime kAll = base::WallTime::max();

std::vector<Line> lines_of(const std::vector<Ring::Taken>& taken) {
  std::vector<Line> lines;
  lines.reserve(taken.size());
  for (const Ring::Taken& record : taken)
    lines.push_back({.body = record.body, .count = record.count, .last = record.last});
  return lines;
}

}  // namespace

base::Result<std::unique_ptr<Writer>> Writer::make(WriterOptions options, const base::Clock& clock) {
  std::error_code error;
  std::filesystem::create_directories(options.ring_folder, error);
  if (error) {
    return base::fail(base::ErrorKind::denied,
                      "audit log: cannot make " + options.ring_folder + ": " + error.message());
  }
  std::unique_ptr<Writer> writer(new Writer(std::move(options), clock));
  writer->last_sync_ = clock.steady_now();
  for (unsigned i = 0; i < writer->options_.workers; ++i) {
    auto ring = Ring::create(writer->options_.ring_folder, writer->options_.process, i, writer->sequence_,
                             writer->options_.ring_capacity);
    if (!ring) return std::unexpected(std::move(ring.error()).with_context("audit log"));
    writer->rings_.push_back(std::move(*ring));
  }
  return writer;
}

base::Result<> Writer::open_log() {
  auto log = Log::open(options_.log, clock_);
  if (!log) return std::unexpected(std::move(log.error()));
  auto recovered = recover(**log);
  if (!recovered) return recovered;
  const std::string start = start_body(clock_.wall_now(), options_.process, (*log)->origin(), (*log)->start_reason());
  auto said = (*log)->append({{.body = start, .count = 1, .last = {}}}, deleted_);
  if (!said) return said;
  log_ = std::move(*log);
  return {};
}

Writer::~Writer() {
  for (const auto& ring : rings_) {
    if (ring->empty() && ring->missed() == ring->missed_reported()) ring->remove();
  }
}

// A ring's records may be in the log already: its process was killed between the two. They are then the last that the
// log got from it, so that many lines of its end are looked at.
base::Result<> Writer::recover(Log& log) {
  unreadable_.clear();
  const auto rings = adopt_rings(options_.ring_folder, unreadable_);
  std::size_t most = 64;
  std::vector<std::vector<Ring::Taken>> taken(rings.size());
  for (std::size_t i = 0; i < rings.size(); ++i) {
    rings[i]->take(taken[i], kAll, SIZE_MAX);
    most += 2 * taken[i].size();
  }
  if (rings.empty()) return {};
  auto tail = log.tail(most);
  if (!tail) return std::unexpected(std::move(tail.error()));
  std::set<std::pair<std::string, std::uint64_t>> known;
  std::map<std::pair<std::string, unsigned>, std::uint64_t> gaps;
  for (const std::string& line : *tail) {
    auto record = parse_line(line);
    if (!record) continue;
    if (record->kind == Kind::token) known.emplace(record->process, record->sequence);
    if (record->kind == Kind::gap) {
      std::uint64_t& total = gaps[{record->process, record->worker}];
      total = std::max(total, record->missing_total);
    }
  }
  for (std::size_t i = 0; i < rings.size(); ++i) {
    Ring& ring = *rings[i];
    const std::string process(ring.process());
    std::erase_if(taken[i], [&](const Ring::Taken& record) { return known.contains({process, record.sequence}); });
    std::vector<DeletedFile> deleted;
    auto appended = taken[i].empty() ? base::Result<>{} : log.append(lines_of(taken[i]), deleted);
    if (!appended) return appended;
    recovered_ += taken[i].size();
    ring.release();
    const auto reported = gaps.find({process, ring.worker()});
    if (reported != gaps.end()) ring.report_missed(std::max(ring.missed_reported(), reported->second));
    auto missing = append_gap(log, ring, deleted);
    if (!missing) return std::unexpected(std::move(missing.error()));
    std::ranges::move(deleted, std::back_inserter(deleted_));
  }
  auto synced = log.sync();
  if (!synced) return synced;
  for (const auto& ring : rings) {
    if (!ring->damaged()) {
      ring->remove();
    } else if (std::rename(ring->path().c_str(), (ring->path() + ".damaged").c_str()) == 0) {
      unreadable_.push_back(ring->path() + " was damaged: its last records are lost");
    }
  }
  return {};
}

base::Result<std::uint64_t> Writer::append_gap(Log& log, Ring& ring, std::vector<DeletedFile>& deleted) {
  const std::uint64_t total = ring.missed();
  const std::uint64_t reported = ring.missed_reported();
  if (total <= reported) return std::uint64_t{0};
  const std::string body = gap_body(clock_.wall_now(), ring.process(), ring.worker(), total - reported, total);
  auto said = log.append({{.body = body, .count = 1, .last = {}}}, deleted);
  if (!said) return std::unexpected(std::move(said.error()));
  ring.report_missed(total);
  return total - reported;
}

base::Result<Drained> Writer::drain_until(base::WallTime until) {
  if (!log_) {
    auto opened = open_log();
    if (!opened) return std::unexpected(std::move(opened.error()));
  }
  Drained drained;
  std::ranges::move(deleted_, std::back_inserter(drained.deleted));
  deleted_.clear();
  // As much as a ring holds, and no more: who puts faster than we append must not keep us from the other rings.
  const std::size_t batches = options_.ring_capacity / kBatch + 1;
  for (const auto& ring : rings_) {
    for (std::size_t batch = 0; batch < batches; ++batch) {
      taken_.clear();
      ring->take(taken_, until, kBatch);
      if (taken_.empty()) break;
      auto appended = log_->append(lines_of(taken_), drained.deleted);
      if (!appended) {
        ring->rewind();
        deleted_ = std::move(drained.deleted);
        return std::unexpected(std::move(appended.error()));
      }
      ring->release();
      drained.records += taken_.size();
    }
    auto missing = append_gap(*log_, *ring, drained.deleted);
    if (!missing) {
      deleted_ = std::move(drained.deleted);
      return std::unexpected(std::move(missing.error()));
    }
    drained.gaps += *missing;
  }
  return drained;
}

base::Result<Drained> Writer::drain() {
  if (clock_.steady_now() - last_sync_ >= options_.sync_interval) return flush();
  if (is_pressed() || options_.fold <= base::Duration(0)) return drain_until(kAll);
  return drain_until(clock_.wall_now() - std::chrono::duration_cast<base::WallTime::duration>(options_.fold));
}

base::Result<Drained> Writer::flush() {
  auto drained = drain_until(kAll);
  if (!drained) return drained;
  auto synced = log_->sync();
  if (!synced) return std::unexpected(std::move(synced.error()));
  last_sync_ = clock_.steady_now();
  drained->synced = true;
  return drained;
}

bool Writer::is_pressed() const {
  return std::ranges::any_of(rings_, [](const auto& ring) { return ring->fill() > kPressed; });
}

base::Result<std::string> Writer::checkpoint() {
  auto flushed = flush();
  if (!flushed) return std::unexpected(std::move(flushed.error()));
  std::ranges::move(flushed->deleted, std::back_inserter(deleted_));
  return log_->checkpoint();
}

base::Result<> Writer::acknowledge(std::uint64_t through) {
  if (!log_) return base::fail(base::ErrorKind::unavailable, "the audit log is not open");
  const std::string body = acknowledged_body(clock_.wall_now(), through);
  return log_->append({{.body = body, .count = 1, .last = {}}}, deleted_);
}

WriterThread::WriterThread(Writer& writer, Report report, std::chrono::milliseconds pause)
    : writer_(writer), report_(std::move(report)), pause_(pause), thread_([this] { run(); }) {}

WriterThread::~WriterThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void WriterThread::post(std::function<void(Writer&)> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void WriterThread::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void WriterThread::run() {
  bool ending = false;
  bool failed = false;
  while (!ending) {
    std::vector<std::function<void(Writer&)>> work;
    {
      std::unique_lock lock(mutex_);
      // A disk that is full is asked ten times a second, not whenever a worker finds its ring full.
      changed_.wait_for(lock, failed ? kAfterFailure : pause_,
                        [&] { return ending_ || (!failed && (woken_ || !posted_.empty())); });
      woken_ = false;
      ending = ending_;
      work.swap(posted_);
    }
    const base::Result<Drained> drained = ending ? writer_.flush() : writer_.drain();
    failed = !drained;
    report_(drained);
    for (const auto& one : work) one(writer_);
  }
}

}  // namespace podid::audit
