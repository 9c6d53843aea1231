// SPDX-License-Identifier: Apache-2.0
// Sees to it that there is a server.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "nmi/keeper/keeper.hpp"
#include "nmi/keeper/server_process.hpp"

namespace podid::nmi {

struct SupervisorOptions {
  std::vector<std::string> arguments;  // of the program, without its name
  base::Duration drain_patience{};     // how long a server that was told to end may take
};

// One executor. References outlive it; await stop() before the destructor.
class Supervisor {
 public:
  // `on_end` is called once, when there is no server any more and will be none: after end(), with its exit code, or
  // with `fatal_exit_code` when the server cannot go on.
  Supervisor(base::Executor executor, SupervisorOptions options, Keeper& keeper, base::Clock& clock,
             base::Random& random, int fatal_exit_code, std::function<void(int)> on_end);

  // A server is started, and another one whenever it ends, at once and then after ever longer pauses.
  void start();
  // The server is to end; one that does not in time is left behind, and ends with this process. Idempotent: the first
  // exit code counts.
  void end(int exit_code);
  base::Task<> stop();

 private:
  enum class Stage { pausing, serving, reaping };
  base::Task<> run();
  base::Task<> give_up_later();
  base::Task<> reap_in_time(ServerProcess& server, std::uint64_t number);
  void finish(int exit_code);

  const SupervisorOptions options_;
  base::Executor executor_;
  Keeper& keeper_;
  base::Clock& clock_;
  base::Backoff backoff_;
  const int fatal_exit_code_;
  std::function<void(int)> on_end_;
  Stage stage_ = Stage::pausing;
  std::uint64_t servers_ = 0;  // that were started
  bool ending_ = false;
  bool left_behind_ = false;
  bool finished_ = false;
  int exit_code_ = 0;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
