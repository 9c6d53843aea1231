// SPDX-License-Identifier: Apache-2.0
#include "nmi/network_plugin.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class NetworkPluginTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view content) {
    ASSERT_TRUE(base::write_file(folder.file(name), content));
  }
  std::string risk() { return spoofing_risk(folder.path()).value_or("none"); }
  test::TemporaryFolder folder;
};

TEST_F(NetworkPluginTest, ABridgeIsARisk) {
  write("10-net.conflist", R"({"plugins":[{"type":"bridge","bridge":"cbr0"},{"type":"portmap"}]})");
  EXPECT_TRUE(risk().contains("10-net.conflist uses the network plugin bridge")) << risk();
  EXPECT_TRUE(risk().contains("NET_RAW")) << risk();
}

TEST_F(NetworkPluginTest, OnePluginAloneIsSeenToo) {
  write("10-net.conf", R"({"type":"kubenet"})");
  EXPECT_TRUE(risk().contains("network plugin kubenet")) << risk();
}

TEST_F(NetworkPluginTest, TheFirstFileCounts) {
  write("10-cilium.conflist", R"({"plugins":[{"type":"cilium-cni"}]})");
  write("87-podman.conflist", R"({"plugins":[{"type":"bridge"}]})");
  write("00-notes.txt", "not a configuration");
  EXPECT_EQ(risk(), "none");
}

TEST_F(NetworkPluginTest, WhatCannotBeReadIsNoReasonToWarn) {
  EXPECT_EQ(risk(), "none");
  EXPECT_EQ(spoofing_risk("/no/such/folder"), std::nullopt);
  for (const char* bad : {"", "{", "[]", R"({"plugins":[]})", R"({"plugins":[1]})", R"({"type":1})"}) {
    write("10-net.conflist", bad);
    EXPECT_EQ(risk(), "none") << bad;
  }
}

TEST_F(NetworkPluginTest, KubenetIsRefusedUnlessAllowed) {
  NmiOptions options;
  options.kubelet_config = folder.file("kubelet");
  EXPECT_TRUE(check_kubenet(options).error().message.starts_with("failed to check if CNI plugin is kubenet, error: "));
  ASSERT_TRUE(base::write_file(options.kubelet_config, ""));
  EXPECT_TRUE(check_kubenet(options));
  ASSERT_TRUE(base::write_file(options.kubelet_config, "KUBELET_FLAGS=\"--network-plugin=kubenet\""));
  EXPECT_TRUE(check_kubenet(options).error().message.starts_with("AAD Pod Identity is not supported for Kubenet."));
  options.allow_kubenet = true;
  EXPECT_TRUE(check_kubenet(options));
}

}  // namespace
}  // namespace podid::nmi
