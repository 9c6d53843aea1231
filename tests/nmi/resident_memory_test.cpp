// SPDX-License-Identifier: Apache-2.0
#include "nmi/resident_memory.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <string>

namespace podid::nmi {
namespace {

std::string digest_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr), 1);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

TEST(ResidentMemory, GivingItBackChangesNothingThatTheProgramDoes) {
  const std::string before = digest_of("text");
  give_back_startup_memory();
  EXPECT_EQ(digest_of("text"), before);
  EXPECT_THROW(throw std::runtime_error("unwinding reads tables of the file"), std::runtime_error);
}

}  // namespace
}  // namespace podid::nmi
