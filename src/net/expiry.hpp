// SPDX-License-Identifier: Apache-2.0
// Enforces a deadline on waits that have none of their own.
#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "base/async.hpp"
#include "net/deadline.hpp"

namespace podid::net {

// While this object lives: calls `expire` when the deadline has passed (which cancels the operation that is waited for).
// Lives in a coroutine, on its executor.
class Expiry {
 public:
  Expiry(base::Executor executor, Deadline deadline, std::function<void()> expire)
      : state_(std::make_shared<State>(executor, std::move(expire))) {
    if (deadline == no_deadline) return;
    state_->timer.expires_at(deadline);
    state_->timer.async_wait([state = state_](boost::system::error_code error) {
      if (error || !state->expire) return;
      state->expired = true;
      state->expire();
    });
  }
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;
  ~Expiry() {
    state_->expire = nullptr;  // the timer may have fired already and wait for its turn
    state_->timer.cancel();
  }

  bool expired() const { return state_->expired; }

 private:
  struct State {
    State(base::Executor executor, std::function<void()> e) : timer(executor), expire(std::move(e)) {}
    base::SteadyTimer timer;
    std::function<void()> expire;
    bool expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace podid::net
