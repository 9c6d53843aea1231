// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/tcp_probe.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
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
  std::uint32_t acknowledged = 0;
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
  return Segment{.flags = tcp.th_flags,
                 .sequence = ntohl(tcp.seq),
                 .acknowledged = ntohl(tcp.ack_seq),
                 .payload = std::string(bytes.substr(tcp_bytes))};
}

template <std::size_t kSize>
bool attach(int packets, std::array<sock_filter, kSize> code) {
  const sock_fprog program{.len = kSize, .filter = code.data()};
  return ::setsockopt(packets, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// Of this connection, whole packets.
bool hear(const TcpProbe& probe) {
  constexpr std::uint32_t kIp = sizeof(ethhdr);
  constexpr std::uint32_t kTcp = kIp + sizeof(iphdr);  // answers of the node itself have no options
  const auto unless_drop = [](std::uint32_t value, std::uint8_t to_drop) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, to_drop);
  };
  return attach(
      probe.packets,
      std::array<sock_filter, 16>{
          sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(ethhdr, h_proto)), unless_drop(ETH_P_IP, 13),
          sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIp), unless_drop(0x45, 11),
          sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIp + offsetof(iphdr, protocol)), unless_drop(IPPROTO_TCP, 9),
          sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kIp + offsetof(iphdr, saddr)),
          unless_drop(probe.destination, 7),
          sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kIp + offsetof(iphdr, daddr)), unless_drop(probe.source, 5),
          sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTcp), unless_drop(probe.destination_port, 3),
          sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTcp + 2), unless_drop(probe.source_port, 1),
          sock_filter BPF_STMT(BPF_RET | BPF_K, kLargestPacket), sock_filter BPF_STMT(BPF_RET | BPF_K, 0)});
}

// Whether it ends the connection, and is no guess of somebody else's (RFC 9293 §3.5.2, §3.10.7).
bool refuses(const TcpProbe& probe, const Segment& segment, bool connected, std::uint32_t next) {
  if ((segment.flags & TH_RST) == 0) return false;
  return connected ? segment.sequence == next : segment.acknowledged == probe.sequence + 1;
}

}  // namespace

bool hear_nothing(int packets) {
  return attach(packets, std::array<sock_filter, 1>{sock_filter BPF_STMT(BPF_RET | BPF_K, 0)});
}

bool ask(const TcpProbe& probe, std::string_view request, std::string_view expected,
         std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const auto send = [&probe](std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged,
                             std::string_view payload) {
    const std::string bytes = frame(probe, flags, sequence, acknowledged, payload);
    static_cast<void>(::send(probe.packets, bytes.data(), bytes.size(), 0));
  };
  std::vector<char> buffer(kLargestPacket);
  if (!hear(probe)) return false;
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
    refused = refuses(probe, *segment, connected, next);
    if (!connected && (segment->flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK) &&
        segment->acknowledged == probe.sequence + 1) {
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
  static_cast<void>(hear_nothing(probe.packets));
  return answer.contains(expected);
}

}  // namespace podid::nmi
