// SPDX-License-Identifier: Apache-2.0
#include "kube/config.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::kube {
namespace {

class InClusterConfigTest : public ::testing::Test {
 protected:
  InClusterConfigTest() {
    environment_ = {.service_host = "10.0.0.1", .service_port = "443", .service_account_folder = folder_.path()};
  }
  void write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(base::write_file(folder_.file(name), text).has_value());
  }

  test::TemporaryFolder folder_;
  InClusterEnvironment environment_;
};

TEST_F(InClusterConfigTest, IsTheServiceAccountOfThePod) {
  write("ca.crt", "CA");
  write("token", "abc\n");
  write("namespace", "shop");
  const auto config = load_in_cluster_config(environment_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.to_string(), "https://10.0.0.1/");
  EXPECT_EQ(config->tls.ca_pem, "CA");
  EXPECT_EQ(config->token_file, folder_.file("token"));
  EXPECT_EQ(config->default_namespace, "shop");
}

TEST_F(InClusterConfigTest, AcceptsAnIpv6ServiceAddress) {
  write("ca.crt", "CA");
  write("token", "abc");
  environment_.service_host = "fd00::1";
  const auto config = load_in_cluster_config(environment_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.host, "fd00::1");
  EXPECT_EQ(config->default_namespace, "default");
}

TEST_F(InClusterConfigTest, SaysWhatIsMissing) {
  auto config = load_in_cluster_config({});
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.contains("--kubeconfig")) << config.error().message;
  config = load_in_cluster_config(environment_);
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.contains("/ca.crt")) << config.error().message;
  write("ca.crt", "CA");
  config = load_in_cluster_config(environment_);
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.contains("automountServiceAccountToken")) << config.error().message;
  write("token", " \n");
  config = load_in_cluster_config(environment_);
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.contains("the token is empty")) << config.error().message;
}

TEST_F(InClusterConfigTest, MissingKubeconfigIsNamed) {
  const auto config = load_cluster_config(folder_.file("none"));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().kind, base::ErrorKind::not_found);
  EXPECT_TRUE(config.error().message.contains(folder_.file("none"))) << config.error().message;
}

}  // namespace
}  // namespace podid::kube
