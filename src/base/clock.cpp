// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <cstdint>
#include <ctime>
#include <utility>

namespace podid::base {
namespace {

class RealTimer final : public Timer {
 public:
  explicit RealTimer(Executor executor) : state_(std::make_shared<State>(executor)) {}
  ~RealTimer() override { cancel(); }

  void set(SteadyTime when, std::function<void()> ring) override {
    const std::uint64_t turn = ++state_->turn;
    state_->ring = std::move(ring);
    state_->timer.expires_at(when);
    state_->timer.async_wait([state = state_, turn](boost::system::error_code error) {
      // It may have been due already, and wait for its turn, when it was cancelled or set anew.
      if (error || state->turn != turn) return;
      const std::function<void()> due = std::exchange(state->ring, nullptr);
      due();
    });
  }

  void cancel() override {
    ++state_->turn;
    state_->ring = nullptr;
    state_->timer.cancel();
  }

 private:
  struct State {  // outlives the timer until the cancelled wait has come back
    explicit State(Executor executor) : timer(executor) {}
    SteadyTimer timer;
    std::function<void()> ring;
    std::uint64_t turn = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace

WallTime RealClock::wall_now() const { return std::chrono::system_clock::now(); }

SteadyTime RealClock::steady_now() const { return std::chrono::steady_clock::now(); }

Duration RealClock::uptime() const {
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);  // fails only where there is no such clock: Linux has it since 2.6.39
  return std::chrono::seconds(up.tv_sec) + std::chrono::nanoseconds(up.tv_nsec);
}

Task<> RealClock::sleep_until(SteadyTime when) {
  const Executor executor = co_await asio::this_coro::executor;
  SteadyTimer timer(executor, when);
  co_await timer.async_wait(use_task);
}

std::unique_ptr<Timer> RealClock::make_timer(Executor executor) { return std::make_unique<RealTimer>(executor); }

}  // namespace podid::base
