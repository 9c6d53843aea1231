// SPDX-License-Identifier: Apache-2.0
// What one pod, and all together, may occupy of one worker.
#pragma once
#include <algorithm>
#include <cstddef>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/token_bucket.hpp"
#include "nmi/pods/address.hpp"

namespace podid::nmi {

// Requests that wait, for an identity, a token or the real endpoint. One worker's; not thread-safe.
class WaitingRoom {
 public:
  WaitingRoom(std::size_t most, std::size_t most_per_pod) : most_(most), most_per_pod_(most_per_pod) {}

  // A slot in the room, given back when it is destroyed.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : room_(std::exchange(other.room_, nullptr)), who_(other.who_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (room_ != nullptr) room_->leave(who_);
    }
    explicit operator bool() const { return room_ != nullptr; }

   private:
    friend class WaitingRoom;
    Slot(WaitingRoom& room, const AddressKey& who) : room_(&room), who_(who) {}
    WaitingRoom* room_ = nullptr;
    AddressKey who_;
  };

  // No slot: the room, or the pod's share of it, is full.
  Slot enter(const AddressKey& who) {
    if (waiting_ >= most_) return {};
    std::size_t& mine = by_pod_[who];
    if (mine >= most_per_pod_) return {};
    ++mine;
    ++waiting_;
    return {*this, who};
  }
  std::size_t waiting() const { return waiting_; }

 private:
  void leave(const AddressKey& who) {
    --waiting_;
    const auto mine = by_pod_.find(who);
    if (--mine->second == 0) by_pod_.erase(mine);
  }

  const std::size_t most_, most_per_pod_;
  std::size_t waiting_ = 0;
  std::unordered_map<AddressKey, std::size_t, AddressHash> by_pod_;
};

// Requests a second by address, one second's worth of them at once. One worker's; not thread-safe.
class RateLimit {
 public:
  // 0: no limit.
  explicit RateLimit(double per_second) : rate_{.per_second = per_second, .burst = std::max(1.0, per_second)} {}

  bool allow(const AddressKey& who, base::SteadyTime now) {
    if (rate_.per_second <= 0) return true;
    // A bucket untouched for a second is full, which a new one is as well.
    if (buckets_.size() >= kMostBuckets) {
      std::erase_if(buckets_,
                    [now](const auto& bucket) { return now - bucket.second.last_used() >= std::chrono::seconds(1); });
      if (buckets_.size() >= kMostBuckets) return false;
    }
    return buckets_.try_emplace(who, rate_, now).first->second.take(rate_, now);
  }

 private:
  static constexpr std::size_t kMostBuckets = 4096;
  const base::TokenRate rate_;
  std::unordered_map<AddressKey, base::TokenBucket, AddressHash> buckets_;
};

}  // namespace podid::nmi
