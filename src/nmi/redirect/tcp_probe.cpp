// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/tcp_probe.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace podid::nmi {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestPacket = 64 * 1024;

std::uint32_t sum_of(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = static_cast<unsigned char>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    sum += static_cast<std::uint32_t>(high << 8 | low);
  }
  return sum;
}

std::uint16_t checksum(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string frame(const TcpProbe& probe, std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged,
                  std::string_view payload) {
  ethhdr ethernet{};
  std::ranges::copy(probe.gateway_mac, ethernet.h_dest);
  std::ranges::copy(probe.source_mac, ethernet.h_source);
  ethernet.h_proto = htons(ETH_P_IP);
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_TCP;
  ip.tot_len = htons(static_cast<std::uint16_t>(sizeof ip + sizeof(tcphdr) + payload.size()));
  ip.saddr = htonl(probe.source);
  ip.daddr = htonl(probe.destination);
  ip.check = htons(checksum(sum_of(bytes_of(ip))));
  tcphdr tcp{};
  tcp.source = htons(probe.source_port);
  tcp.dest = htons(probe.destination_port);
  tcp.seq = htonl(sequence);
  tcp.ack_seq = htonl(acknowledged);
  tcp.doff = 5;
  tcp.th_flags = flags;
  tcp.window = htons(0xffff);
  const std::uint32_t pseudo =
      sum_of(bytes_of(ip).substr(12, 8)) + IPPROTO_TCP + static_cast<std::uint32_t>(sizeof tcp + payload.size());
  tcp.check = htons(checksum(sum_of(payload, sum_of(bytes_of(tcp), pseudo))));
  std::string all(bytes_of(ethernet));
  all.append(bytes_of(ip)).append(bytes_of(tcp)).append(payload);
  return all;
}

struct Segment {
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::string payload;
};

// Of our connection; its checksum is not looked at, as the kernel leaves it to a card that there is not.
std::optional<Segment> read_segment(const TcpProbe& probe, std::string_view bytes) {
  iphdr ip{};
  tcphdr tcp{};
  if (bytes.size() < sizeof(ethhdr) + sizeof ip) return std::nullopt;
  bytes.remove_prefix(sizeof(ethhdr));
  std::memcpy(&ip, bytes.data(), sizeof ip);
  const std::size_t ip_bytes = std::size_t{ip.ihl} * 4;
  const std::size_t total = ntohs(ip.tot_len);
  if (ip.version != 4 || ip.protocol != IPPROTO_TCP || total > bytes.size() || total < ip_bytes + sizeof tcp) {
    return std::nullopt;
  }
  if (ntohl(ip.saddr) != probe.destination || ntohl(ip.daddr) != probe.source) return std::nullopt;
  bytes = bytes.substr(ip_bytes, total - ip_bytes);
  std::memcpy(&tcp, bytes.data(), sizeof tcp);
  const std::size_t tcp_bytes = std::size_t{tcp.doff} * 4;
  if (ntohs(tcp.source) != probe.destination_port || ntohs(tcp.dest) != probe.source_port) return std::nullopt;
  if (tcp_bytes < sizeof tcp || tcp_bytes > bytes.size()) return std::nullopt;
  return Segment{.flags = tcp.th_flags, .sequence = ntohl(tcp.seq), .payload = std::string(bytes.substr(tcp_bytes))};
}

}  // namespace

bool ask(const TcpProbe& probe, std::string_view request, std::string_view expected,
         std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const auto send = [&probe](std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged,
                             std::string_view payload) {
    const std::string bytes = frame(probe, flags, sequence, acknowledged, payload);
    static_cast<void>(::send(probe.packets, bytes.data(), bytes.size(), 0));
  };
  std::vector<char> buffer(kLargestPacket);
  std::string answer;
  std::uint32_t next = 0;  // of the peer's bytes; once it has answered
  bool connected = false;
  bool refused = false;
  send(TH_SYN, probe.sequence, 0, {});
  while (!answer.contains(expected) && !refused) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{.fd = probe.packets, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) != 1) break;
    const ssize_t size = ::recv(probe.packets, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) continue;
    const std::optional<Segment> segment = read_segment(probe, {buffer.data(), static_cast<std::size_t>(size)});
    if (!segment) continue;
    refused = (segment->flags & TH_RST) != 0;
    if (!connected && (segment->flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK)) {
      connected = true;
      next = segment->sequence + 1;
      send(TH_ACK | TH_PUSH, probe.sequence + 1, next, request);
    } else if (connected && segment->sequence == next) {
      answer += segment->payload;
      next += static_cast<std::uint32_t>(segment->payload.size());
    }
  }
  if (connected && !refused) {
    const auto sent = static_cast<std::uint32_t>(request.size());
    send(TH_RST | TH_ACK, probe.sequence + 1 + sent, next, {});
  }
  return answer.contains(expected);
}

}  // namespace podid::nmi
