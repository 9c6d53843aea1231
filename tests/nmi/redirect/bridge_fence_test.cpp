// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/bridge_fence.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

Interface port(int index, const std::string& name, const std::string& kind, int master = 0) {
  return {.index = index, .name = name, .kind = kind, .enslaved = master != 0, .master = master};
}

TEST(BridgeFence, AnUplinkIsAPortOfABridgeThatIsNoPods) {
  const std::vector<Interface> all{port(1, "lo", ""), port(2, "eth0", "", 9), port(3, "azv1", "veth", 9),
                                   port(4, "tap0", "tun", 9), port(5, "bond0.7", "vlan", 9),
                                   port(9, "azure0", "bridge"),
                                   // Accelerated networking: a port of the machine's own interface, not of a bridge.
                                   port(6, "enP1", "", 7), port(7, "eth1", "")};
  EXPECT_EQ(bridged_uplinks(all), (std::vector<std::string>{"eth0", "bond0.7"}));
  EXPECT_TRUE(bridged_uplinks({port(2, "eth0", ""), port(9, "cbr0", "bridge"), port(3, "veth0", "veth", 9)}).empty());
}

}  // namespace
}  // namespace podid::nmi
