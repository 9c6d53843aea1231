// SPDX-License-Identifier: Apache-2.0
// Work that is put off to the next turn of the event loop, so that what comes together is done at once.
#pragma once
#include <functional>
#include <memory>

#include "base/async.hpp"

namespace podid::base {

// One executor. What is still to come when it is destroyed does not come.
class NextTurn {
 public:
  // `run` is called on the executor, never from within request().
  NextTurn(Executor executor, std::function<void()> run);
  NextTurn(const NextTurn&) = delete;
  NextTurn& operator=(const NextTurn&) = delete;

  // Runs once, behind everything that is ready now, however often it is asked for until then.
  void request();
  bool requested() const { return requested_; }

 private:
  [[no_unique_address]] OnExecutor on_executor_;
  Executor executor_;
  std::function<void()> run_;
  bool requested_ = false;
  std::shared_ptr<NextTurn*> alive_;
};

}  // namespace podid::base
