// SPDX-License-Identifier: Apache-2.0
#include "base/next_turn.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace podid::base {

NextTurn::NextTurn(Executor executor, std::function<void()> run)
    : on_executor_(executor),
      executor_(std::move(executor)),
      run_(std::move(run)),
      alive_(std::make_shared<NextTurn*>(this)) {}

void NextTurn::request() {
  on_executor_.check();
  if (std::exchange(requested_, true)) return;
  asio::post(executor_, [alive = std::weak_ptr<NextTurn*>(alive_)] {
    const std::shared_ptr<NextTurn*> self = alive.lock();
    if (!self) return;
    (*self)->requested_ = false;  // it may ask for another turn
    (*self)->run_();
  });
}

}  // namespace podid::base
