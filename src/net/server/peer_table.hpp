// SPDX-License-Identifier: Apache-2.0
// What each address occupies of a server, and for how long it is paused.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>

#include "base/clock.hpp"
#include "net/server/http_server.hpp"

namespace podid::net {

// Pure: the time is the caller's. One thread.
class PeerTable {
  struct Peer {
    std::size_t connections = 0;
    std::size_t buffered_bytes = 0;
    std::optional<base::SteadyTime> paused_until;  // its new connections are read from then on
  };
  using Peers = std::map<boost::asio::ip::address, Peer>;

 public:
  // A connection's. From enter() to leave().
  class Seat {
   public:
    // As last told to reserve().
    std::size_t reserved() const { return reserved_; }

   private:
    friend class PeerTable;
    Peers::iterator peer_;
    std::size_t reserved_ = 0;
  };

  explicit PeerTable(const ServerLimits& limits);

  bool has_room_for(const boost::asio::ip::address& address) const;
  Seat enter(const boost::asio::ip::address& address);
  void leave(Seat& seat);
  // The connection buffers that many bytes now, beyond what each may. False, and nothing changes, when that is more than a
  // limit allows. Less is always allowed.
  bool reserve(Seat& seat, std::size_t bytes);
  // The connection's peer was told to slow down. How long the connection pauses.
  std::chrono::milliseconds begin_pause(Seat& seat, base::SteadyTime now, std::chrono::milliseconds pause);
  // How long a new connection pauses first; 0: its peer is not paused.
  std::chrono::milliseconds pause_of_new(const Seat& seat, base::SteadyTime now);
  // Peers that left while they were paused are remembered until then.
  void forget_paused(base::SteadyTime now);

  std::size_t connections() const { return connections_; }
  std::size_t buffered_bytes() const { return buffered_bytes_; }
  // Addresses that are connected or paused.
  std::size_t peers() const { return peers_.size(); }

 private:
  std::chrono::milliseconds spread(std::chrono::milliseconds pause);

  const std::size_t max_connections_;
  const std::size_t max_connections_of_peer_;  // 0: no limit
  const std::size_t max_bytes_;
  const std::size_t max_bytes_of_peer_;  // 0: no limit
  Peers peers_;
  std::size_t connections_ = 0;
  std::size_t buffered_bytes_ = 0;
  double spread_ = 0;
};

}  // namespace podid::net
