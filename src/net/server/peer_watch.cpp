// SPDX-License-Identifier: Apache-2.0
#include "net/server/peer_watch.hpp"

#include <boost/system/system_error.hpp>
#include <utility>

namespace podid::net {

void PeerWatch::start(Transport& transport, std::shared_ptr<Listener> listener) {
  if (reading_ || error_) return;
  reading_ = true;
  transport.start_read(base::asio::buffer(bytes_), [this, listener = std::move(listener)](IoResult result) {
    reading_ = false;
    error_ = result.error;
    ended_.notify();
    listener->peer_heard(std::string_view(bytes_.data(), result.bytes), result.error);
  });
}

base::Task<boost::system::error_code> PeerWatch::wait() {
  if (reading_) {
    try {
      co_await ended_.wait();
    } catch (const boost::system::system_error&) {
      // Cancelled: the read goes on.
    }
  }
  co_return reading_ ? base::asio::error::operation_aborted : error_;
}

}  // namespace podid::net
