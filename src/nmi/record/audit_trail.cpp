// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/audit_trail.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"

namespace podid::nmi {

base::Result<std::unique_ptr<AuditTrail>> AuditTrail::make(AuditTrailOptions options, base::Clock& clock,
                                                           base::MetricsRegistry& metrics, Tell tell) {
  std::unique_ptr<AuditTrail> trail(new AuditTrail(std::move(options), clock, metrics, std::move(tell)));
  auto writer = audit::Writer::make(trail->options_.writer, clock);
  if (!writer) return std::unexpected(std::move(writer.error()));
  trail->writer_ = std::move(*writer);
  return trail;
}

AuditTrail::AuditTrail(AuditTrailOptions options, base::Clock& clock, base::MetricsRegistry& metrics, Tell tell)
    : options_(std::move(options)),
      clock_(clock),
      waits_(metrics.histogram(base::metric::kNmiAuditWait)),
      failures_(metrics.counter(base::metric::kNmiAuditFailures)),
      unsigned_(metrics.gauge(base::metric::kNmiAuditUnsigned)),
      tell_(std::move(tell)) {}

AuditTrail::~AuditTrail() {
  if (!thread_) return;
  thread_.reset();  // flushes
  sign(true);
}

void AuditTrail::start() {
  thread_.emplace(*writer_, [this](const base::Result<audit::Drained>& drained) { report(drained); });
}

void AuditTrail::wake() {
  if (thread_) thread_->wake();
}

void AuditTrail::report(const base::Result<audit::Drained>& drained) {
  const base::SteadyTime now = clock_.steady_now();
  if (!drained) {
    if (!counted_ || now - *counted_ >= std::chrono::seconds(1)) {
      failures_.increment({"write"});
      counted_ = now;
    }
    if (std::exchange(failing_, true) && now - reminded_ < kAuditReminder) return;
    reminded_ = now;
    base::log::error("the audit log cannot be written", {{"error", drained.error()}});
    tell_(kFailed, fmt::format("the audit log cannot be written: {}; {}", drained.error().message,
                               options_.refuse ? "when the records in memory take all their room no token is handed out"
                                               : "when the records in memory take all their room tokens are handed out "
                                                 "without one"));
    return;
  }
  if (std::exchange(failing_, false)) base::log::info("the audit log is written again");
  if (drained->gaps > 0) {
    tell_(kGap, "answers left without a record in the audit log, which says how many");
    base::log::error("answers without a record", {{"count", drained->gaps}});
  }
  for (const audit::DeletedFile& file : drained->deleted) {
    base::log::info("a file of the audit log was deleted, as its limits say",
                    {{"file", file.file}, {"first", file.first_index}, {"end", file.end_index}});
    if (!file.cosigned) tell_(kDeleted, "records that no witness had signed were deleted from the audit log");
  }
  sign(false);
}

void AuditTrail::sign(bool at_end) {
  const audit::Log* const log = writer_->log();
  if (log == nullptr || log->origin().empty()) return;
  const std::uint64_t size = log->size();
  const base::SteadyTime now = clock_.steady_now();
  if (size > signed_size_ && (at_end || now - signed_at_ >= kAuditCheckpoints)) {
    signed_at_ = now;
    const base::Result<std::string> note = writer_->checkpoint();
    if (note) {
      signed_size_ = size;
    } else {
      base::log::warning("the audit log cannot be signed", {{"error", note.error()}});
    }
  }
  unsigned_.set({}, static_cast<double>(size - signed_size_));
}

}  // namespace podid::nmi
