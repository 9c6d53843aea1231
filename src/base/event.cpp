// SPDX-License-Identifier: Apache-2.0
#include "base/event.hpp"

#include <boost/system/system_error.hpp>

namespace podid::base {

void Event::notify() {
  on_executor_.check();
  ++notified_;
  timer_.cancel();
}

Task<> Event::wait() {
  on_executor_.check();
  const std::uint64_t seen = notified_;
  const auto [error] = co_await timer_.async_wait(as_result);
  // Both ways the timer was cancelled: by notify(), or for the task that waits.
  if (notified_ == seen) throw boost::system::system_error(error);
}

}  // namespace podid::base
