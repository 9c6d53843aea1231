// SPDX-License-Identifier: Apache-2.0
// One HTTP request as another machine's packets: TCP in user space on one end of a veth, so that what it sends meets the
// rules as what pods send does. For a question and an answer of one packet each.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace podid::nmi {

struct TcpProbe {
  int packets = -1;                           // an AF_PACKET socket (SOCK_RAW) on our end of the veth
  std::array<std::uint8_t, 6> source_mac{};   // nobody's
  std::array<std::uint8_t, 6> gateway_mac{};  // of the other end
  std::uint32_t source = 0;                   // in the machine's byte order, as all numbers here
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;  // random
};

// The socket gets no packet until it is asked with. Whether that could be arranged; else `errno` says why not.
bool hear_nothing(int packets);

// Sends it and waits, blocking, for an answer that contains `expected`. False: none came within `patience`. Ends the
// connection in any case. Hears its own connection alone, so that others' packets cannot fill the socket meanwhile.
bool ask(const TcpProbe& probe, std::string_view request, std::string_view expected,
         std::chrono::milliseconds patience);

}  // namespace podid::nmi
