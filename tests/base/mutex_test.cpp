// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace podid::base {
namespace {

class Tally {
 public:
  void count() {
    const MutexLock lock(mutex_);
    ++total_;
  }
  int total() const {
    const MutexLock lock(mutex_);
    return total_;
  }

 private:
  mutable Mutex mutex_;
  int total_ PODID_GUARDED_BY(mutex_) = 0;
};

TEST(Mutex, OneThreadAtATime) {
  Tally tally;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&tally] {
        for (int n = 0; n < 1000; ++n) tally.count();
      });
    }
  }
  EXPECT_EQ(tally.total(), 4000);
}

}  // namespace
}  // namespace podid::base
