// SPDX-License-Identifier: Apache-2.0
#include "mic/flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace podid::mic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FlagsTest : public ::testing::Test {
 public:
  std::variant<MicOptions, int> parse(const std::vector<std::string>& arguments) {
    out.str("");
    err.str("");
    return parse_flags(
        arguments,
        [this](std::string_view name) {
          const auto found = environment.find(std::string(name));
          return found == environment.end() ? std::string() : found->second;
        },
        out, err);
  }
  MicOptions options(const std::vector<std::string>& arguments) {
    auto parsed = parse(arguments);
    EXPECT_TRUE(std::holds_alternative<MicOptions>(parsed)) << err.str();
    return std::holds_alternative<MicOptions>(parsed) ? std::get<MicOptions>(parsed) : MicOptions();
  }
  int exit_code(const std::vector<std::string>& arguments) {
    auto parsed = parse(arguments);
    EXPECT_TRUE(std::holds_alternative<int>(parsed));
    return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
  }

  std::map<std::string, std::string> environment{{"MIC_POD_NAMESPACE", "default"}};
  std::ostringstream out, err;
};

TEST_F(FlagsTest, DefaultsAreThoseOfAadPodIdentity) {
  const MicOptions o = options({});
  EXPECT_EQ(o.sync_retry_duration, std::chrono::hours(1));
  EXPECT_EQ(o.leader_election.ns, "default");
  EXPECT_EQ(o.leader_election.name, "aad-pod-identity-mic");
  EXPECT_EQ(o.leader_election.lease_duration, std::chrono::seconds(15));
  EXPECT_EQ(o.probe_port, 8080);
  EXPECT_EQ(o.prometheus_port, 8888);
  EXPECT_EQ(o.create_delete_batch, 20);
  EXPECT_FALSE(o.client_qps);
  EXPECT_EQ(o.config_map_name, "aad-pod-identity-config");
  EXPECT_EQ(o.type_upgrade_status_key, "type-upgrade-status");
  EXPECT_TRUE(o.enable_type_upgrade);
  EXPECT_FALSE(o.no_azure);
  EXPECT_EQ(o.window_lead_time, std::chrono::minutes(2));
  EXPECT_EQ(o.window_detach_delay, std::chrono::minutes(5));
  EXPECT_EQ(o.update_user_msi_max_retry, 2);
  EXPECT_EQ(o.update_user_msi_retry_interval, std::chrono::seconds(1));
  EXPECT_EQ(o.identity_assignment_reconcile_interval, std::chrono::minutes(3));
}

TEST_F(FlagsTest, TheStockManifestsCommandLineIsUnderstood) {
  const MicOptions o = options({"--cloudconfig=/etc/kubernetes/azure.json", "--logtostderr", "-prometheus-port", "9999",
                                "-clientQps=25", "--createDeleteBatch=4", "-syncRetryDuration=2h45m",
                                "--immutable-user-msis=a, B", "--allow-cluster-identity=false", "-enableProfile=false",
                                "--enableScaleFeatures=true", "-enable-type-upgrade=false", "--forceNamespaced", "-v=5",
                                "--identity-assignment-reconcile-interval=90s"});
  EXPECT_EQ(o.cloud_config, "/etc/kubernetes/azure.json");
  EXPECT_EQ(o.prometheus_port, 9999);
  EXPECT_EQ(o.client_qps, 25.0);
  EXPECT_EQ(o.create_delete_batch, 4);
  EXPECT_EQ(o.sync_retry_duration, std::chrono::minutes(165));
  EXPECT_THAT(o.immutable_user_msis, ElementsAre("a", "B"));
  EXPECT_FALSE(o.allow_cluster_identity);
  EXPECT_FALSE(o.enable_type_upgrade);
  EXPECT_TRUE(o.namespaced);
  EXPECT_EQ(o.identity_assignment_reconcile_interval, std::chrono::seconds(90));
}

TEST_F(FlagsTest, ForceNamespacedAlsoComesFromTheEnvironment) {
  environment["FORCENAMESPACED"] = "true";
  EXPECT_TRUE(options({}).namespaced);
  environment["FORCENAMESPACED"] = "True";
  EXPECT_FALSE(options({}).namespaced);
}

TEST_F(FlagsTest, BadValuesAreNamed) {  // MIC-30
  for (const char* bad : {"--createDeleteBatch=0", "--identity-assignment-reconcile-interval=0s", "--clientQps=0.5",
                          "--syncRetryDuration=-1h", "--max-parallel-arm=0", "--leader-election-duration=10ms",
                          "--http-probe-port=notaport", "--leader-election-resource-lock=paper",
                          "--identity-policy=maybe", "--update-user-msi-max-retry=-1"}) {
    EXPECT_EQ(exit_code({bad}), 2) << bad;
    const std::string name = std::string(bad).substr(2, std::string(bad).find('=') - 2);
    EXPECT_THAT(err.str(), HasSubstr(name)) << bad;
  }
}

TEST_F(FlagsTest, VersionAndHelpNeedNoEnvironment) {  // MIC-30
  environment.clear();
  EXPECT_EQ(exit_code({"--version"}), 0);
  EXPECT_THAT(out.str(), HasSubstr("MIC Version: "));
  EXPECT_EQ(exit_code({"--help"}), 0);
  EXPECT_THAT(out.str(), HasSubstr("--max-parallel-arm"));
  EXPECT_EQ(exit_code({"--unknown"}), 2);
  EXPECT_EQ(exit_code({}), 255);
  EXPECT_THAT(err.str(),
              HasSubstr("namespace not specified. Please add meta.namespace as env variable MIC_POD_NAMESPACE"));
}

}  // namespace
}  // namespace podid::mic
