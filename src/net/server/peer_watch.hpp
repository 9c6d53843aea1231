// SPDX-License-Identifier: Apache-2.0
// The read that notices a peer's departure while a handler waits.
#pragma once
#include <array>
#include <memory>
#include <string_view>

#include "base/async.hpp"
#include "base/event.hpp"
#include "net/transport.hpp"

namespace podid::net {

// It may outlast the handler and then serves as the next read: cancelling a TLS read would be another source of trouble.
// One executor. Lives until its read has ended.
class PeerWatch {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // A read has ended. May start() the next, but for an error.
    virtual void peer_heard(std::string_view bytes, boost::system::error_code error) = 0;
  };

  explicit PeerWatch(base::Executor executor) : ended_(executor) {}

  // Reads, unless a read is under way or has failed. `listener` owns this watch and lives on until the read has ended.
  void start(Transport& transport, std::shared_ptr<Listener> listener);
  bool reading() const { return reading_; }
  // Why the last read failed.
  boost::system::error_code error() const { return error_; }
  // Until the read under way, if any, has ended. Its error; operation_aborted where the waiting coroutine is cancelled.
  base::Task<boost::system::error_code> wait();

 private:
  std::array<char, 1024> bytes_;
  bool reading_ = false;
  boost::system::error_code error_;
  base::Event ended_;  // a read has
};

}  // namespace podid::net
