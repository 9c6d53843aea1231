// SPDX-License-Identifier: Apache-2.0
#include "net/server/peer_table.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace podid::net {

using std::chrono::milliseconds;

PeerTable::PeerTable(const ServerLimits& limits)
    : max_connections_(limits.max_connections),
      max_connections_of_peer_(limits.max_connections_per_peer),
      max_bytes_(limits.max_buffered_bytes),
      max_bytes_of_peer_(limits.max_buffered_bytes_per_peer) {}

bool PeerTable::has_room_for(const boost::asio::ip::address& address) const {
  if (connections_ >= max_connections_) return false;
  if (max_connections_of_peer_ == 0) return true;
  const auto at = peers_.find(address);
  return at == peers_.end() || at->second.connections < max_connections_of_peer_;
}

PeerTable::Seat PeerTable::enter(const boost::asio::ip::address& address) {
  Seat seat;
  seat.peer_ = peers_.try_emplace(address).first;
  ++seat.peer_->second.connections;
  ++connections_;
  return seat;
}

void PeerTable::leave(Seat& seat) {
  reserve(seat, 0);
  --connections_;
  Peer& peer = seat.peer_->second;
  if (--peer.connections == 0 && !peer.paused_until) peers_.erase(seat.peer_);
}

bool PeerTable::reserve(Seat& seat, std::size_t bytes) {
  Peer& peer = seat.peer_->second;
  const std::size_t all = buffered_bytes_ - seat.reserved_ + bytes;
  const std::size_t of_peer = peer.buffered_bytes - seat.reserved_ + bytes;
  const bool fits = all <= max_bytes_ && (max_bytes_of_peer_ == 0 || of_peer <= max_bytes_of_peer_);
  if (bytes > seat.reserved_ && !fits) return false;
  buffered_bytes_ = all;
  peer.buffered_bytes = of_peer;
  seat.reserved_ = bytes;
  return true;
}

milliseconds PeerTable::begin_pause(Seat& seat, base::SteadyTime now, milliseconds pause) {
  std::optional<base::SteadyTime>& until = seat.peer_->second.paused_until;
  until = until ? std::max(*until, now + pause) : now + pause;
  return spread(pause);
}

milliseconds PeerTable::pause_of_new(const Seat& seat, base::SteadyTime now) {
  const std::optional<base::SteadyTime>& until = seat.peer_->second.paused_until;
  if (!until) return {};
  const auto left = std::chrono::ceil<milliseconds>(*until - now);
  return left.count() > 0 ? spread(left) : milliseconds{};
}

void PeerTable::forget_paused(base::SteadyTime now) {
  std::erase_if(peers_, [now](const auto& entry) {
    const Peer& peer = entry.second;
    return peer.connections == 0 && (!peer.paused_until || *peer.paused_until <= now);
  });
}

// Evenly over half to one and a half times: each step of the golden ratio falls into the widest gap of those before.
milliseconds PeerTable::spread(milliseconds pause) {
  spread_ += std::numbers::phi;
  spread_ -= std::floor(spread_);
  return std::chrono::ceil<milliseconds>(pause * (0.5 + spread_));
}

}  // namespace podid::net
