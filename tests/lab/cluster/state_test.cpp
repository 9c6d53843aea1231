// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/state.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::cluster {
namespace {

TEST(LabState, SurvivesWritingAndReading) {
  const test::TemporaryFolder folder;
  const auto layout = make_layout("lab", folder.path(), 2);
  ASSERT_TRUE(layout);
  LabState state{.layout = *layout, .control_plane = "real", .components = {}};
  Component nmi;
  nmi.name = "nmi-node-a";
  nmi.network_namespace = "podid-lab-n-node-a";
  nmi.command = {"/bin/nmi", "--node=node-a", "--x=a b \"c\""};
  nmi.environment = {{"SSL_CERT_FILE", "/ca.pem"}};
  nmi.pid = 4711;
  nmi.started = 12345678901234ULL;
  state.components.push_back(nmi);
  ASSERT_TRUE(save_state(state));

  auto read = load_state(folder.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->layout.nodes.size(), 2U);
  EXPECT_EQ(read->control_plane, "real");
  const Component* found = read->find("nmi-node-a");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->command, nmi.command);
  EXPECT_EQ(found->environment, nmi.environment);
  EXPECT_EQ(found->pid, nmi.pid);
  EXPECT_EQ(found->started, nmi.started);
  EXPECT_EQ(read->find("nmi-node-b"), nullptr);
}

TEST(LabState, MissingAndDamagedFilesSayWhatToDo) {
  const test::TemporaryFolder folder;
  const auto missing = load_state(folder.path());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, base::ErrorKind::not_found);
  EXPECT_NE(missing.error().message.find("podid lab up"), std::string::npos);
  for (const char* text :
       {"", "{", "[]", R"({"name":"lab"})", R"({"name":1,"nodes":1,"controlPlane":"x","components":[]})",
        R"({"name":"lab","nodes":1,"controlPlane":"x","components":[{"name":"a"}]})"}) {
    ASSERT_TRUE(base::write_file(folder.file("lab.json"), text));
    const auto damaged = load_state(folder.path());
    ASSERT_FALSE(damaged) << text;
    EXPECT_EQ(damaged.error().kind, base::ErrorKind::invalid) << text;
    EXPECT_NE(damaged.error().message.find("podid lab down"), std::string::npos) << damaged.error().message;
  }
}

}  // namespace
}  // namespace podid::lab::cluster
