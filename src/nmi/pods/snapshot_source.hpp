// SPDX-License-Identifier: Apache-2.0
// The current snapshot, from the control thread to the workers.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

// Thread-safe. Readers keep a copy of their own and look at one number per request; the mutex is taken after a change. Who
// waits for a change is woken by it.
class SnapshotSource {
 public:
  SnapshotSource() : current_(std::make_shared<const Snapshot>()) {}

  void publish(SnapshotPtr snapshot) {
    {
      const base::MutexLock lock(mutex_);
      current_ = std::move(snapshot);
    }
    version_.fetch_add(1, std::memory_order_release);
    wake_all();
  }
  // When the API server was last heard by all watches.
  void heard(base::SteadyTime when) { heard_.store(when.time_since_epoch().count(), std::memory_order_relaxed); }
  base::SteadyTime last_heard() const {
    return base::SteadyTime(base::SteadyTime::duration(heard_.load(std::memory_order_relaxed)));
  }

  // Since when an address may belong to a pod that we have not heard of (address_doubt.hpp); null time: it does not.
  void set_doubt(base::SteadyTime since) {
    doubt_.store(since.time_since_epoch().count(), std::memory_order_release);
    if (since == base::SteadyTime{}) wake_all();
  }
  base::SteadyTime doubt() const {
    return base::SteadyTime(base::SteadyTime::duration(doubt_.load(std::memory_order_acquire)));
  }

  // Whether the kubelet may have given addresses of which it has not told the API server (address_doubt.hpp).
  void set_unreported(bool may_be) {
    unreported_.store(may_be, std::memory_order_release);
    if (!may_be) wake_all();
  }
  bool unreported() const { return unreported_.load(std::memory_order_acquire); }

  // One thread's view.
  class Reader {
   public:
    explicit Reader(const SnapshotSource& source) : source_(source) {}
    // The newest snapshot that was published before the call.
    const SnapshotPtr& get() {
      const std::uint64_t version = source_.version_.load(std::memory_order_acquire);
      if (!mine_ || version != version_) {
        const base::MutexLock lock(source_.mutex_);
        mine_ = source_.current_;
        version_ = version;
      }
      return mine_;
    }

    base::SteadyTime doubt() const { return source_.doubt(); }
    bool unreported() const { return source_.unreported(); }

   private:
    const SnapshotSource& source_;
    SnapshotPtr mine_;
    std::uint64_t version_ = 0;
  };

  // Calls `wake` after each publication and after each doubt, of either kind, that is cleared up: on the thread that did
  // it, which `wake` must not hold up, and never after the destructor. The source outlives it.
  class WakeUp {
   public:
    WakeUp(const SnapshotSource& source, std::function<void()> wake) : source_(source), wake_(std::move(wake)) {
      const base::MutexLock lock(source_.wake_ups_mutex_);
      source_.wake_ups_.push_back(this);
    }
    ~WakeUp() {
      const base::MutexLock lock(source_.wake_ups_mutex_);
      std::erase(source_.wake_ups_, this);
    }
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;

   private:
    friend class SnapshotSource;
    const SnapshotSource& source_;
    const std::function<void()> wake_;
  };

 private:
  void wake_all() const {
    const base::MutexLock lock(wake_ups_mutex_);
    for (const WakeUp* each : wake_ups_) each->wake_();
  }

  mutable base::Mutex wake_ups_mutex_;
  // The readers' business, as the copies that they keep.
  mutable std::vector<const WakeUp*> wake_ups_ PODID_GUARDED_BY(wake_ups_mutex_);
  mutable base::Mutex mutex_;
  SnapshotPtr current_ PODID_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> version_ = 1;
  std::atomic<base::SteadyTime::rep> heard_ = 0;
  std::atomic<base::SteadyTime::rep> doubt_ = 0;
  std::atomic<bool> unreported_ = false;
};

}  // namespace podid::nmi
