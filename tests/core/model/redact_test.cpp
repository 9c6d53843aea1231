// SPDX-License-Identifier: Apache-2.0
#include "core/model/redact.hpp"

#include <gtest/gtest.h>

namespace podid::core {
namespace {

TEST(Redact, KeepsTheEndsOfAGuidOnly) {
  const std::pair<std::string, std::string> cases[] = {
      {"aabc0000-a83v-9h4m-000j-2c0a66b0c1f9", "aabc##### REDACTED #####c1f9"},
      {"12345678", "1234##### REDACTED #####5678"},
      {"1234567", "1234567"},
      {"", ""},
      {"12 4567890", "12 4567890"},                      // white space among the first four
      {"12345678 90", "12345678 90"},                    // among the last four
      {"1234 \n 5678", "1234##### REDACTED #####5678"},  // in the middle it does not matter
      {"äöüß1234", "äöüß##### REDACTED #####1234"},
      {"äöüß123", "äöüß123"},
  };
  for (const auto& [text, redacted] : cases) EXPECT_EQ(redact(text), redacted) << text;
}

}  // namespace
}  // namespace podid::core
