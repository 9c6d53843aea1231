// SPDX-License-Identifier: Apache-2.0
// The audit log of this process: a ring for each worker, and the thread that writes from them (access.md §6, D18, D19).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/writer.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/metrics/metrics.hpp"

namespace podid::nmi {

// A log that could not be written for so long is told anew; how often the log is signed while there is activity.
inline constexpr std::chrono::minutes kAuditReminder{1};
inline constexpr std::chrono::minutes kAuditCheckpoints{5};

struct AuditTrailOptions {
  audit::WriterOptions writer;
  bool refuse = true;  // no token without a record; else it is issued, and the log says how many records are missing
  bool full_client_id = false;  // else redacted
};

// Thread-safe but for make() and start(). The clock and the metrics outlive it.
class AuditTrail {
 public:
  // Something for people, on the writer's thread: reasons of events.
  using Tell = std::function<void(std::string_view reason, const std::string& text)>;
  static constexpr std::string_view kFailed = "AuditLogFailed";
  static constexpr std::string_view kGap = "AuditLogGap";
  static constexpr std::string_view kDeleted = "AuditLogDeleted";

  // Makes the rings, in a folder that this process may write to. Nothing is written yet.
  static base::Result<std::unique_ptr<AuditTrail>> make(AuditTrailOptions options, base::Clock& clock,
                                                        base::MetricsRegistry& metrics, Tell tell);
  // Writes what the rings hold.
  ~AuditTrail();
  AuditTrail(const AuditTrail&) = delete;
  AuditTrail& operator=(const AuditTrail&) = delete;

  // Makes the thread.
  void start();
  const AuditTrailOptions& options() const { return options_; }
  audit::Ring& ring(unsigned worker) { return writer_->ring(worker); }
  // A ring is full. Takes a lock: not for the usual path.
  void wake();

  // Waits of answers for room, and what became of them.
  void waited(base::Duration wait) { waits_.observe({}, base::in_seconds(wait)); }
  void refused() { failures_.increment({"refused"}); }
  void missed() { failures_.increment({"missed"}); }

 private:
  AuditTrail(AuditTrailOptions options, base::Clock& clock, base::MetricsRegistry& metrics, Tell tell);
  void report(const base::Result<audit::Drained>& drained);
  void sign(bool at_end);

  const AuditTrailOptions options_;
  base::Clock& clock_;
  base::Family<base::Histogram>& waits_;
  base::Family<base::Counter>& failures_;
  base::Family<base::Gauge>& unsigned_;
  const Tell tell_;
  std::unique_ptr<audit::Writer> writer_;
  // Of the writer's thread.
  bool failing_ = false;
  std::optional<base::SteadyTime> counted_;  // the last second in which a failure was counted
  base::SteadyTime reminded_{};
  base::SteadyTime signed_at_{};
  std::uint64_t signed_size_ = 0;
  std::optional<audit::WriterThread> thread_;  // last: ends before what it uses
};

}  // namespace podid::nmi
