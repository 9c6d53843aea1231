// SPDX-License-Identifier: Apache-2.0
// Background work with an owner: spawn, stop, wait for the last task.
#pragma once
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/event.hpp"

namespace podid::base {

// Owns coroutines on one executor. All calls on that executor's thread. Declare it as the last member of its owner, so
// that tasks end before what they use. The owner's stop() awaits join(); the destructor asserts that no task is left.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts `task`. A cancelled wait ends it normally; any other exception is a bug of ours and ends the program after
  // logging `name`. After stop() the task is dropped unstarted.
  void spawn(std::string_view name, Task<> task);

  // Cancels what each task waits for, and refuses further spawns. Idempotent. From within the executor's loop only.
  void stop();
  // Completes when no task is left. Does not stop them by itself.
  Task<> join();

  std::size_t size() const { return running_.size(); }
  bool stopping() const { return stopping_; }
  Executor executor() const { return executor_; }

 private:
  struct Running {
    std::string name;
    asio::cancellation_signal cancel;
  };
  [[no_unique_address]] OnExecutor on_executor_;
  Executor executor_;
  std::list<Running> running_;
  Event idle_;  // the last task has ended
  bool stopping_ = false;
};

}  // namespace podid::base
