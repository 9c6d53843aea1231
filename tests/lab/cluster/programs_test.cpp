// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/programs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::lab::cluster {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

std::vector<std::string> names_of(const std::vector<Component>& components) {
  std::vector<std::string> names;
  for (const Component& component : components) names.push_back(component.name);
  return names;
}

class ProgramsTest : public ::testing::Test {
 protected:
  Layout layout_ = *make_layout("lab", "/run/x", 2);
  Binaries binaries_{.podid_lab = "/b/podid-lab",
                     .mic = "/b/mic",
                     .nmi = "/b/nmi",
                     .kube_apiserver = "/k/kube-apiserver",
                     .etcd = "/k/etcd",
                     .clock = "/b/clock.so"};
};

TEST_F(ProgramsTest, StartInTheOrderOfWhatTheyNeed) {
  EXPECT_THAT(names_of(make_components(layout_, {.mics = 2}, binaries_)),
              ElementsAre("azure", "apiserver", "door", "node-agent", "mic-0", "mic-1", "nmi-node-a", "nmi-node-b"));
  EXPECT_THAT(names_of(make_components(layout_, {.mics = 0, .control_plane = "real"}, binaries_)),
              ElementsAre("azure", "etcd", "apiserver", "door", "node-agent", "nmi-node-a", "nmi-node-b"));
}

TEST_F(ProgramsTest, OnlyDoorAndNodeAgentRunInTheMachinesOwnNetwork) {
  for (const Component& component : make_components(layout_, {}, binaries_)) {
    const bool outside = component.name == "door" || component.name == "node-agent";
    EXPECT_EQ(component.network_namespace.empty(), outside) << component.name;
  }
}

TEST_F(ProgramsTest, FlagsOfTheUserComeLastAndSoWin) {
  const LabOptions options{.nmi_flags = {"--v=1"}, .mic_flags = {"--clientQps=9"}};
  for (const Component& component : make_components(layout_, options, binaries_)) {
    if (component.name.starts_with("nmi-")) {
      EXPECT_EQ(component.command.back(), "--v=1");
    }
    if (component.name.starts_with("mic-")) {
      EXPECT_EQ(component.command.back(), "--clientQps=9");
    }
  }
}

TEST_F(ProgramsTest, SeeTheLabsClockUnlessTheControlPlaneCannot) {
  for (const Component& component : make_components(layout_, {}, binaries_)) {
    EXPECT_EQ(component.environment.at("LD_PRELOAD"), "/b/clock.so") << component.name;
    EXPECT_EQ(component.environment.at("PODID_LAB_CLOCK"), "/run/x/clock") << component.name;
  }
  for (const Component& component : make_components(layout_, {.control_plane = "real"}, binaries_)) {
    EXPECT_EQ(component.environment.count("LD_PRELOAD"), 0) << component.name;
  }
}

}  // namespace
}  // namespace podid::lab::cluster
