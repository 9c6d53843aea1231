// SPDX-License-Identifier: Apache-2.0
// Enforces a deadline on waits that have none of their own.
#pragma once
#include <functional>
#include <utility>

#include "base/clock.hpp"
#include "net/deadline.hpp"

namespace podid::net {

// While this object lives: calls `expire` when the deadline has passed (which cancels the operation that is waited for).
// Lives in a coroutine on the executor of `timer`, which nobody else sets meanwhile.
class Expiry {
 public:
  Expiry(base::Timer& timer, Deadline deadline, std::function<void()> expire)
      : timer_(timer), expire_(std::move(expire)) {
    if (deadline.is_never()) return;
    timer_.set(deadline.time(), [this] {
      expired_ = true;
      expire_();
    });
  }
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;
  ~Expiry() { timer_.cancel(); }

  bool expired() const { return expired_; }

 private:
  base::Timer& timer_;
  std::function<void()> expire_;
  bool expired_ = false;
};

}  // namespace podid::net
