// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until the test moves it.
#pragma once
#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/clock.hpp"

namespace podid::test {

// Who waits is woken, in order of the times, when advance() passes them; coroutines and timers run when the test next runs
// the executor (io.poll()). Single-threaded: clock, waits and test on one thread.
class FakeClock : public base::Clock {
 public:
  base::WallTime wall_now() const override { return wall_; }
  base::SteadyTime steady_now() const override { return waits_->now; }
  base::Duration uptime() const override { return waits_->now.time_since_epoch(); }

  base::Task<> sleep_until(base::SteadyTime when) override {
    if (when <= steady_now()) co_return;
    const base::Executor executor = co_await base::asio::this_coro::executor;
    base::SteadyTimer woken(executor, base::SteadyTime::max());
    const auto self = waits_->by_time.emplace(when, [this, &woken] {
      --sleepers_;
      woken.cancel();
    });
    ++sleepers_;
    const auto [error] = co_await woken.async_wait(base::as_result);
    if (when > steady_now()) {  // not woken by us: cancelled
      --sleepers_;
      waits_->by_time.erase(self);
      throw boost::system::system_error(error);
    }
  }

  std::unique_ptr<base::Timer> make_timer(base::Executor executor) override {
    return std::make_unique<FakeTimer>(executor, waits_);
  }

  void advance(base::Duration by) {
    wall_ += std::chrono::duration_cast<base::WallTime::duration>(by);
    waits_->now += by;
    auto& all = waits_->by_time;
    while (!all.empty() && all.begin()->first <= waits_->now) {
      const std::function<void()> wake = std::move(all.begin()->second);
      all.erase(all.begin());
      wake();
    }
  }
  void set_wall(base::WallTime wall) { wall_ = wall; }
  // Coroutines in sleep_until(). Timers are not among them: a server's tick would be one.
  std::size_t sleepers() const { return sleepers_; }
  // That are set and not due.
  std::size_t timers() const { return waits_->by_time.size() - sleepers_; }

 private:
  struct Waits {  // shared with timers, which may outlive the clock
    base::SteadyTime now = base::SteadyTime(std::chrono::hours(1000));
    std::multimap<base::SteadyTime, std::function<void()>> by_time;
  };

  class FakeTimer final : public base::Timer {
   public:
    FakeTimer(base::Executor executor, std::shared_ptr<Waits> waits)
        : executor_(executor), waits_(std::move(waits)), set_(std::make_shared<Set>()) {}
    ~FakeTimer() override { cancel(); }

    void set(base::SteadyTime when, std::function<void()> ring) override {
      cancel();
      set_ = std::make_shared<Set>();
      set_->ring = std::move(ring);
      auto due = [executor = executor_, set = set_] {
        set->due = true;
        base::asio::post(executor, [set] {
          if (const auto now = std::exchange(set->ring, nullptr)) now();
        });
      };
      if (when <= waits_->now) {
        due();
      } else {
        set_->place = waits_->by_time.emplace(when, std::move(due));
        set_->waits = true;
      }
    }
    void cancel() override {
      set_->ring = nullptr;
      if (set_->waits && !set_->due) waits_->by_time.erase(set_->place);
      set_->waits = false;
    }

   private:
    struct Set {
      std::function<void()> ring;
      bool waits = false;  // has a place
      bool due = false;    // and has left it
      std::multimap<base::SteadyTime, std::function<void()>>::iterator place;
    };
    const base::Executor executor_;
    std::shared_ptr<Waits> waits_;
    std::shared_ptr<Set> set_;
  };

  base::WallTime wall_ = base::WallTime(std::chrono::seconds(1'800'000'000));
  std::shared_ptr<Waits> waits_ = std::make_shared<Waits>();
  std::size_t sleepers_ = 0;
};

}  // namespace podid::test
