// SPDX-License-Identifier: Apache-2.0
// Randomness that is the same in every run: arbitrary, or plain.
#pragma once
#include <random>

#include "base/random.hpp"

namespace podid::test {

class SeededRandom final : public base::Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }
  // Uniform in [0, n).
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::mt19937_64 engine_;
};

// unit() is 0: waits are as long as they can be, without jitter. Identifiers differ.
class PlainRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++count_ & 0x7ff; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace podid::test
