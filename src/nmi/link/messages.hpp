// SPDX-License-Identifier: Apache-2.0
// What keeper and server of one NMI tell each other (nmi.md §2.1). No message names a file, an address, a command or a
// rule: the keeper knows its own from the command line.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/metrics/metrics.hpp"

namespace podid::nmi {

// ---- keeper to server ----
struct Hello {
  std::uint32_t keeper = 0;  // its process
  std::string proof_key;     // by which the keeper knows our answers (nmi.md §11.4)
  bool operator==(const Hello&) const = default;
};
// What the keeper has counted, by place in keeper_metrics(); what was never observed is left out.
struct Measured {
  std::uint8_t metric = 0;
  double value = 0;
  bool operator==(const Measured&) const = default;
};
struct KeeperState {
  bool active = false;  // the redirect is in place
  std::string problem;  // why pods may not reach us; empty: they do. Of a longer one the beginning is sent
  std::vector<Measured> measured;
  bool operator==(const KeeperState&) const = default;
};
// Beside it goes a descriptor of the file that has the service account's token now.
struct HandedToken {
  bool operator==(const HandedToken&) const = default;
};
// No new connections, finish what is in flight, end.
struct Drain {
  bool operator==(const Drain&) const = default;
};

// ---- server to keeper ----
// All ports are listened on: pods may be led here.
struct Ready {
  bool wants_token = false;  // it cannot read the service account's token itself
  bool operator==(const Ready&) const = default;
};
// After Drain: no request is in flight any more.
struct Drained {
  bool operator==(const Drained&) const = default;
};
// A prober's question has come by the redirect: so much for what the keeper finds when it tries the rules itself.
struct Proven {
  bool operator==(const Proven&) const = default;
};
// It cannot go on, and starting it again would not help; it has said why in the log.
struct Fatal {
  bool operator==(const Fatal&) const = default;
};

using Message = std::variant<Hello, KeeperState, HandedToken, Drain, Ready, Drained, Fatal, Proven>;

// Header and body, little-endian: u16 verb, u16 version, u32 length of the body.
inline constexpr std::size_t kMostMessageBytes = 8 + 4096;
std::string encode(const Message& message);
// `invalid` for whatever encode() does not make, `unsupported` for another version.
base::Result<Message> decode(std::string_view bytes);

// The metrics that the keeper has: counters and gauges without labels.
std::span<const base::MetricDefinition* const> keeper_metrics();
// Their values in `metrics`.
std::vector<Measured> measure(base::MetricsRegistry& metrics);
// Puts them there: counters grow to what they are at the keeper.
void adopt(const std::vector<Measured>& measured, base::MetricsRegistry& metrics);

}  // namespace podid::nmi
