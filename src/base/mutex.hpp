// SPDX-License-Identifier: Apache-2.0
// The one mutex of the project: clang's -Wthread-safety, which is on, checks what each one guards.
//
//   mutable base::Mutex mutex_;
//   std::vector<Item> items_ PODID_GUARDED_BY(mutex_);   // touched without the lock: does not compile
//   Item& add_item() PODID_REQUIRES(mutex_);             // called without the lock: does not compile
#pragma once
#include <mutex>

#ifdef __clang__
#define PODID_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define PODID_THREAD_ATTRIBUTE(x)
#endif

// Of a member: only with the mutex held.
#define PODID_GUARDED_BY(mutex) PODID_THREAD_ATTRIBUTE(guarded_by(mutex))
// Of a function: its caller holds the mutex.
#define PODID_REQUIRES(mutex) PODID_THREAD_ATTRIBUTE(requires_capability(mutex))

namespace podid::base {

// Taken by MutexLock alone. (std::mutex has no annotations in libstdc++: with it nothing would be checked.)
class PODID_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex as long as it lives.
class PODID_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PODID_THREAD_ATTRIBUTE(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() PODID_THREAD_ATTRIBUTE(release_capability()) = default;

 private:
  const std::lock_guard<std::mutex> lock_;
};

}  // namespace podid::base
