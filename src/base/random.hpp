// SPDX-License-Identifier: Apache-2.0
// Randomness by injection: jitter in tests is exact, identifiers in programs are unpredictable.
#pragma once
#include <cstdint>
#include <string>

namespace podid::base {

class Random {
 public:
  virtual ~Random() = default;
  // Uniform over all 64-bit values.
  virtual std::uint64_t next() = 0;
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // A version 4 UUID in lower case.
  std::string uuid();
};

// From the operating system (OpenSSL's RAND_bytes). Thread-safe.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

}  // namespace podid::base
