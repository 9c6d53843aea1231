// SPDX-License-Identifier: Apache-2.0
#include "base/version.hpp"

#include <gtest/gtest.h>

namespace podid::base {
namespace {

TEST(Version, TheUserAgentNamesComponentAndBuildAndWhatTheOperatorAdds) {
  const std::string plain = user_agent("NMI", "");
  EXPECT_TRUE(plain.starts_with("aad-pod-identity/NMI/" + std::string(version()) + "/")) << plain;
  EXPECT_FALSE(plain.contains(' '));
  EXPECT_EQ(user_agent("NMI", "team-a"), plain + " team-a");
}

TEST(Version, TheLineNamesBothDaemons) {
  const std::string line = version_line();
  EXPECT_TRUE(line.starts_with("MIC Version: " + std::string(version()) + " - NMI Version: ")) << line;
  EXPECT_TRUE(line.contains(" - Commit: "));
  EXPECT_TRUE(line.contains(" - Date: "));
}

}  // namespace
}  // namespace podid::base
