// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/pod_interfaces.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

bool matches(std::string_view pattern, const Interface& interface) {
  return InterfacePattern::parse(pattern)->matches(interface);
}

TEST(PodInterfaces, AutoTakesWherePacketsOfPodsArrive) {
  EXPECT_TRUE(matches("auto", {.name = "cni0", .kind = "bridge"}));
  EXPECT_TRUE(matches("auto", {.name = "azv1", .kind = "veth"}));
  EXPECT_FALSE(matches("auto", {.name = "veth1", .kind = "veth", .enslaved = true})) << "they arrive at its bridge";
  EXPECT_FALSE(matches("auto", {.name = "eth0", .kind = ""}));
}

TEST(PodInterfaces, NamesMayHaveStars) {
  const Interface interface{.name = "azv123", .kind = ""};
  EXPECT_TRUE(matches("azv*", interface));
  EXPECT_TRUE(matches("cni0, azv*", interface));
  EXPECT_TRUE(matches("*", interface));
  EXPECT_TRUE(matches("a*1*3", interface));
  EXPECT_TRUE(matches("azv123", interface));
  EXPECT_FALSE(matches("azv", interface));
  EXPECT_FALSE(matches("a*2", interface));
  EXPECT_FALSE(matches("none", interface));
}

TEST(PodInterfaces, BadPatternsNameTheFlag) {
  for (const char* bad : {"", "a,,b", "0123456789abcdef"}) {
    const auto parsed = InterfacePattern::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_TRUE(parsed.error().message.starts_with("--pod-interfaces: ")) << parsed.error().message;
  }
}

}  // namespace
}  // namespace podid::nmi
