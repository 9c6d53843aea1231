// SPDX-License-Identifier: Apache-2.0
// What AccessTerms last said, for as long as it holds.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>

#include "core/access/access_decision.hpp"

namespace podid::core {

// Written by one thread at a time, read by any without waiting for one that writes: `sequence_` is odd while it is being written,
// and a reader that sees it change knows nothing. Every part is atomic by itself, so that no read is a race.
class LastAnswer {
 public:
  struct Answer {
    AccessReason reason = AccessReason::open;
    std::optional<Instant> until;
    Instant holds_until;  // exclusive
  };

  std::optional<Answer> at(Instant now) const {
    const std::uint64_t before = sequence_.load(std::memory_order_acquire);
    const Instant from(Instant::duration(from_.load(std::memory_order_relaxed)));
    const Instant holds_until(Instant::duration(holds_until_.load(std::memory_order_relaxed)));
    const Instant until(Instant::duration(until_.load(std::memory_order_relaxed)));
    const AccessReason reason = reason_.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) != 0 || sequence_.load(std::memory_order_relaxed) != before) return std::nullopt;
    if (now < from || now >= holds_until) return std::nullopt;
    return Answer{reason, until == kNever ? std::nullopt : std::optional(until), holds_until};
  }

  void set(Instant from, const Answer& answer) {
    std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    if ((sequence & 1) != 0 || !sequence_.compare_exchange_strong(sequence, sequence + 1, std::memory_order_acquire)) {
      return;  // another thread says as much
    }
    std::atomic_thread_fence(std::memory_order_release);
    from_.store(from.time_since_epoch().count(), std::memory_order_relaxed);
    holds_until_.store(answer.holds_until.time_since_epoch().count(), std::memory_order_relaxed);
    until_.store(answer.until.value_or(kNever).time_since_epoch().count(), std::memory_order_relaxed);
    reason_.store(answer.reason, std::memory_order_relaxed);
    sequence_.store(sequence + 2, std::memory_order_release);
  }

 private:
  static constexpr Instant kNever = Instant::max();

  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<Instant::rep> from_{0};
  std::atomic<Instant::rep> holds_until_{Instant::min().time_since_epoch().count()};  // at first nothing holds
  std::atomic<Instant::rep> until_{0};
  std::atomic<AccessReason> reason_{AccessReason::open};
};

}  // namespace podid::core
