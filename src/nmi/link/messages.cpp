// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/messages.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <optional>

namespace podid::nmi {
namespace {

constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMostBody = kMostMessageBytes - 8;
constexpr std::size_t kMostProblem = 2048;

enum class Verb : std::uint16_t {
  hello = 1,
  state = 2,
  token = 3,
  drain = 4,
  ready = 16,
  drained = 17,
  fatal = 18,
  proven = 19
};

class Writer {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  void put_text(std::string_view text) {
    put(static_cast<std::uint16_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// After the first field that is not there every other one is nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <std::unsigned_integral T>
  T get() {
    const std::string_view from = take(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    }
    return static_cast<T>(value);
  }
  bool get_bool() {
    const auto value = get<std::uint8_t>();
    whole_ = whole_ && value <= 1;
    return value == 1;
  }
  std::string get_text() { return std::string(take(get<std::uint16_t>())); }
  // Everything was there, and nothing is left.
  bool complete() const { return whole_ && bytes_.empty(); }
  bool whole() const { return whole_; }

 private:
  std::string_view take(std::size_t size) {
    if (!whole_ || bytes_.size() < size) {
      whole_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view bytes_;
  bool whole_ = true;
};

struct Encoder {
  Writer& body;
  Verb operator()(const Hello& hello) {
    body.put(hello.keeper);
    body.put_text(hello.proof_key);
    return Verb::hello;
  }
  Verb operator()(const KeeperState& state) {
    body.put(static_cast<std::uint8_t>(state.active));
    body.put_text(std::string_view(state.problem).substr(0, kMostProblem));
    body.put(static_cast<std::uint8_t>(state.measured.size()));
    for (const Measured& each : state.measured) {
      body.put(each.metric);
      body.put(std::bit_cast<std::uint64_t>(each.value));
    }
    return Verb::state;
  }
  Verb operator()(const Ready& ready) {
    body.put(static_cast<std::uint8_t>(ready.wants_token));
    return Verb::ready;
  }
  Verb operator()(const HandedToken&) { return Verb::token; }
  Verb operator()(const Drain&) { return Verb::drain; }
  Verb operator()(const Drained&) { return Verb::drained; }
  Verb operator()(const Fatal&) { return Verb::fatal; }
  Verb operator()(const Proven&) { return Verb::proven; }
};

Hello read_hello(Reader& body) {
  Hello hello;
  hello.keeper = body.get<std::uint32_t>();
  hello.proof_key = body.get_text();
  return hello;
}

KeeperState read_state(Reader& body) {
  KeeperState state;
  state.active = body.get_bool();
  state.problem = body.get_text();
  const auto count = body.get<std::uint8_t>();
  for (unsigned i = 0; i < count && body.whole(); ++i) {
    const auto metric = body.get<std::uint8_t>();
    state.measured.push_back({.metric = metric, .value = std::bit_cast<double>(body.get<std::uint64_t>())});
  }
  return state;
}

std::optional<Message> read_body(Verb verb, Reader& body) {
  switch (verb) {
    case Verb::hello:
      return read_hello(body);
    case Verb::state:
      return read_state(body);
    case Verb::token:
      return HandedToken{};
    case Verb::drain:
      return Drain{};
    case Verb::ready:
      return Ready{.wants_token = body.get_bool()};
    case Verb::drained:
      return Drained{};
    case Verb::fatal:
      return Fatal{};
    case Verb::proven:
      return Proven{};
  }
  return std::nullopt;
}

}  // namespace

std::string encode(const Message& message) {
  Writer body_writer;
  const Verb verb = std::visit(Encoder{body_writer}, message);
  const std::string body = body_writer.take();
  Writer whole;
  whole.put(static_cast<std::uint16_t>(verb));
  whole.put(kVersion);
  whole.put(static_cast<std::uint32_t>(body.size()));
  return whole.take() + body;
}

base::Result<Message> decode(std::string_view bytes) {
  Reader reader(bytes);
  const auto verb = static_cast<Verb>(reader.get<std::uint16_t>());
  const auto version = reader.get<std::uint16_t>();
  const auto length = reader.get<std::uint32_t>();
  if (!reader.whole()) return base::fail(base::ErrorKind::invalid, "a message without a header");
  if (version != kVersion) {
    return base::fail(base::ErrorKind::unsupported, "a message of version " + std::to_string(version));
  }
  const std::string_view body = bytes.substr(8);
  Reader body_reader(body);
  std::optional<Message> message;
  if (length == body.size() && length <= kMostBody) message = read_body(verb, body_reader);
  if (!message || !body_reader.complete()) return base::fail(base::ErrorKind::invalid, "a message that nobody sends");
  return std::move(*message);
}

std::span<const base::MetricDefinition* const> keeper_metrics() {
  static constexpr std::array kAll{&base::metric::kNmiRedirectActive, &base::metric::kNmiRedirectRepairs,
                                   &base::metric::kNmiRedirectErrors, &base::metric::kNmiFenceActive};
  return kAll;
}

std::vector<Measured> measure(base::MetricsRegistry& metrics) {
  std::vector<Measured> all;
  const auto add = [&all](std::size_t place, bool observed, double value) {
    if (observed) all.push_back({.metric = static_cast<std::uint8_t>(place), .value = value});
  };
  for (std::size_t i = 0; i < keeper_metrics().size(); ++i) {
    const base::MetricDefinition& definition = *keeper_metrics()[i];
    if (definition.type == base::MetricType::gauge) {
      const base::Gauge& gauge = *metrics.gauge(definition).find_or_add();
      add(i, gauge.observed(), gauge.value());
    } else {
      const base::Counter& counter = *metrics.counter(definition).find_or_add();
      add(i, counter.observed(), static_cast<double>(counter.value()));
    }
  }
  return all;
}

void adopt(const std::vector<Measured>& measured, base::MetricsRegistry& metrics) {
  for (const Measured& each : measured) {
    if (each.metric >= keeper_metrics().size()) continue;
    const base::MetricDefinition& definition = *keeper_metrics()[each.metric];
    if (definition.type == base::MetricType::gauge) {
      metrics.gauge(definition).find_or_add()->set(each.value);
      continue;
    }
    constexpr double kMost = 1e15;  // far within what a double counts exactly
    if (!(each.value >= 0 && each.value <= kMost)) continue;
    base::Counter& counter = *metrics.counter(definition).find_or_add();
    const auto wanted = static_cast<std::uint64_t>(each.value);
    if (const std::uint64_t now = counter.value(); wanted > now) counter.increment(wanted - now);
  }
}

}  // namespace podid::nmi
