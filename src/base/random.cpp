// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace podid::base {

std::string Random::uuid() {
  const std::uint64_t high = (next() & ~std::uint64_t{0xf000}) | 0x4000;
  const std::uint64_t low = (next() & ~(std::uint64_t{3} << 62)) | (std::uint64_t{1} << 63);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
                     low & 0xffffffffffff);
}

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  // Without a random source neither TLS nor leases are safe: there is no way on.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1) std::abort();
  return value;
}

}  // namespace podid::base
