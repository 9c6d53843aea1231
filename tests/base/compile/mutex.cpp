// SPDX-License-Identifier: Apache-2.0
// What a mutex guards cannot be touched without it (tests/base/CMakeLists.txt).
#include "base/mutex.hpp"

namespace podid::base {

class Account {
 public:
  void pay() {
    ++balance_;  // expected-error {{writing variable 'balance_' requires holding mutex 'mutex_' exclusively}}
    add();       // expected-error {{calling function 'add' requires holding mutex 'mutex_' exclusively}}
    const MutexLock lock(mutex_);
    ++balance_;
    add();
  }
  // expected-error@+1 {{reading variable 'balance_' requires holding mutex 'mutex_'}}
  int balance() const { return balance_; }

 private:
  void add() PODID_REQUIRES(mutex_) { ++balance_; }

  mutable Mutex mutex_;
  int balance_ PODID_GUARDED_BY(mutex_) = 0;
};

}  // namespace podid::base
