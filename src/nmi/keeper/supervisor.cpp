// SPDX-License-Identifier: Apache-2.0
#include "nmi/keeper/supervisor.hpp"

#include <sys/wait.h>

#include <cstring>
#include <utility>

#include "base/log.hpp"

namespace podid::nmi {
namespace {

constexpr base::BackoffOptions kRestart{.initial = std::chrono::milliseconds(100),
                                        .limit = std::chrono::milliseconds(5'000)};
// One that has lived so long ended for a new reason.
constexpr std::chrono::seconds kCalm{10};
// How long one whose link is closed may take to end.
constexpr std::chrono::seconds kMostReaping{5};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return std::string("signal ") + ::strsignal(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(base::Executor executor, SupervisorOptions options, Keeper& keeper, base::Clock& clock,
                       base::Random& random, int fatal_exit_code, std::function<void(int)> on_end)
    : options_(std::move(options)),
      executor_(executor),
      keeper_(keeper),
      clock_(clock),
      backoff_(kRestart, random),
      fatal_exit_code_(fatal_exit_code),
      on_end_(std::move(on_end)),
      tasks_(executor) {}

void Supervisor::start() { tasks_.spawn("server", run()); }

void Supervisor::finish(int exit_code) {
  if (!std::exchange(finished_, true)) on_end_(exit_code);
}

void Supervisor::end(int exit_code) {
  if (std::exchange(ending_, true)) return;
  exit_code_ = exit_code;
  if (stage_ == Stage::pausing) {
    finish(exit_code);
    return;
  }
  keeper_.drain();
  tasks_.spawn("patience with the server", give_up_later());
}

base::Task<> Supervisor::give_up_later() {
  co_await clock_.sleep_for(options_.drain_patience);
  base::log::error("the server does not end: it is left behind and ends with the keeper");
  left_behind_ = true;
  if (stage_ == Stage::serving) {
    keeper_.hang_up();
  } else {
    finish(exit_code_);
  }
}

base::Task<> Supervisor::reap_in_time(ServerProcess& server, std::uint64_t number) {
  co_await clock_.sleep_for(kMostReaping);
  if (stage_ != Stage::reaping || number != servers_) co_return;
  base::log::error("the server has no link any more and does not end");
  if (!server.kill()) finish(ending_ ? exit_code_ : fatal_exit_code_);
}

base::Task<> Supervisor::run() {
  co_await keeper_.start();
  for (;;) {
    base::Result<LinkPair> link = make_link();
    base::Result<std::unique_ptr<ServerProcess>> server = std::unexpected(base::Error{});
    if (link) {
      const base::Result<> greeted = keeper_.greet(link->keeper);
      if (!greeted) base::log::warning("the server was not told who its keeper is", {{"error", greeted.error()}});
      server = ServerProcess::start(executor_, options_.arguments, std::move(link->server));
    } else {
      server = std::unexpected(std::move(link.error()));
    }
    std::string ended;
    const base::SteadyTime since = clock_.steady_now();
    if (server) {
      stage_ = Stage::serving;
      ++servers_;
      const Keeper::End end = co_await keeper_.serve(std::move(link->keeper));
      stage_ = Stage::reaping;
      if (left_behind_) {
        finish(exit_code_);
        co_return;
      }
      // It looks at the server only while that is waited for.
      tasks_.spawn("patience with a server without a link", reap_in_time(**server, servers_));
      const int status = co_await (*server)->ended();
      if (ending_ || end == Keeper::End::fatal) {
        finish(ending_ ? exit_code_ : fatal_exit_code_);
        co_return;
      }
      ended = how_it_ended(status);
    } else {
      if (server.error().kind == base::ErrorKind::unsupported) {
        base::log::error("no server can be started here", {{"error", server.error()}});
        finish(ending_ ? exit_code_ : fatal_exit_code_);
        co_return;
      }
      ended = server.error().message;
    }
    stage_ = Stage::pausing;
    keeper_.close();
    if (clock_.steady_now() - since > kCalm) backoff_.reset();
    const bool at_once = backoff_.attempts() == 0;
    const std::chrono::milliseconds pause = backoff_.next();
    base::log::error("the server has ended and is started again; rules stay as they are",
                     {{"ended", ended}, {"pause_ms", at_once ? 0 : pause.count()}});
    if (!at_once) co_await clock_.sleep_for(pause);
  }
}

base::Task<> Supervisor::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace podid::nmi
