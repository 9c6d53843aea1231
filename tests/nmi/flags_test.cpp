// SPDX-License-Identifier: Apache-2.0
#include "nmi/flags.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace podid::nmi {
namespace {

struct Parsed {
  NmiOptions options;
  std::optional<int> exit_code;
  std::string error;
};

Parsed parse(const std::vector<std::string>& arguments, const std::string& forced_namespaced = "",
             const std::string& kubeconfig = "") {
  const base::Environment environment = [&](std::string_view name) -> std::string {
    if (name == "FORCENAMESPACED") return forced_namespaced;
    return name == "KUBECONFIG" ? kubeconfig : "";
  };
  std::ostringstream out, err;
  std::variant<NmiOptions, int> result = parse_flags(arguments, environment, out, err);
  Parsed parsed;
  parsed.error = err.str();
  if (const int* exit_code = std::get_if<int>(&result)) {
    parsed.exit_code = *exit_code;
    return parsed;
  }
  parsed.options = std::get<NmiOptions>(std::move(result));
  const base::Result<> complete = complete_options(parsed.options);
  if (!complete) parsed.error = complete.error().message;
  return parsed;
}

TEST(Flags, DefaultsAreThoseOfTheSpecification) {
  const NmiOptions o = parse({"--node=n"}).options;
  EXPECT_EQ(o.listen_address, "127.0.0.1");
  EXPECT_EQ(o.port, 2579);
  EXPECT_EQ(o.metadata_ip, "169.254.169.254");
  EXPECT_EQ(o.metadata_port, 80);
  EXPECT_EQ(o.probe_port, 8080);
  EXPECT_EQ(o.prometheus_port, 9090);
  EXPECT_EQ(o.check_interval_seconds, 60);
  EXPECT_EQ(o.retry.attempts_for_created, 16);
  EXPECT_EQ(o.retry.attempts_for_assigned, 4);
  EXPECT_EQ(o.retry.interval_seconds, 5);
  EXPECT_FALSE(o.retry_given);
  EXPECT_TRUE(o.scale_features);
  EXPECT_TRUE(o.metadata_header_required);
  EXPECT_FALSE(o.namespaced);
  EXPECT_EQ(o.mic_namespace, "default");
  EXPECT_EQ(o.kubelet_config, "/etc/default/kubelet");
  EXPECT_FALSE(o.cleanup_on_exit);
  EXPECT_EQ(o.fence_priority, 2);
  EXPECT_FALSE(o.allow_wireserver);
  EXPECT_EQ(o.prober_namespace, "");
  EXPECT_GE(o.workers, 1);
}

TEST(Flags, AcceptsWhatStockManifestsPass) {
  const Parsed parsed = parse({"--node=n", "--http-probe-port=8085", "--enableScaleFeatures=true", "--forceNamespaced",
                               "--operation-mode=Managed", "--nmi-port", "2580", "--enableProfile=true",
                               "--retry-attempts-for-created=1", "--set-retry-after-header=true"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.probe_port, 8085);
  EXPECT_EQ(parsed.options.port, 2580);
  EXPECT_EQ(parsed.options.operation_mode(), core::OperationMode::managed);
  EXPECT_TRUE(parsed.options.retry_given);
  EXPECT_TRUE(parsed.options.retry_after_header);
}

TEST(Flags, TheEnvironmentFillsIn) {
  EXPECT_TRUE(parse({"--node=n"}, "true").options.namespaced);
  EXPECT_FALSE(parse({"--node=n"}, "True").options.namespaced);
  EXPECT_EQ(parse({"--node=n"}, "", "/k").options.kubeconfig, "/k");
  EXPECT_EQ(parse({"--node=n", "--kubeconfig=/mine"}, "", "/k").options.kubeconfig, "/mine");
}

TEST(Flags, BadValuesAreRefusedInOneLine) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--node=n", "--nmi-port=0x"}, "nmi-port"},
      {{"--node=n", "--ipt-update-interval-sec=0"}, "ipt-update-interval-sec"},
      {{"--node=n", "--operation-mode=x"}, "operation-mode"},
      {{"--node=n", "--redirect=ebpf"}, "redirect"},
      {{"--node=n", "--identity-policy=on"}, "identity-policy"},
      {{"--node=n", "--permanent-config-errors=400"}, "permanent-config-errors"},
      {{"--node=n", "--metadata-ip=imds"}, "metadata-ip"},
      {{"--node=n", "--pod-interfaces="}, "pod-interfaces"},
      {{"--node=n", "--fence-priority=32763"}, "fence-priority"},  // its last rule would come behind the table main
      {{"--node=n", "--fence-priority=-1"}, "fence-priority"},
      {{"--node=n", "--operation-mode=managed"}, "managed mode not intialized in force namespaced mode"},
      {{}, "--node"},
  };
  for (const auto& [arguments, named] : cases) {
    const Parsed parsed = parse(arguments);
    EXPECT_TRUE(parsed.error.contains(named)) << named << ": " << parsed.error;
    EXPECT_LE(std::ranges::count(parsed.error, '\n'), 1) << parsed.error;
  }
}

TEST(Flags, WhoMayUseTheHostSocketIsNamedByNumber) {
  EXPECT_EQ(parse({"--node=n"}).options.host_token_uids, std::vector<std::uint32_t>{0});
  const Parsed given = parse({"--node=n", "--host-token-uids=1000,65532"});
  EXPECT_EQ(given.error, "");
  EXPECT_EQ(given.options.host_token_uids, (std::vector<std::uint32_t>{1000, 65532}));
  for (const char* bad : {"root", "", "0,", "-1", "4294967296"}) {
    EXPECT_TRUE(parse({"--node=n", std::string("--host-token-uids=") + bad}).error.contains("host-token-uids")) << bad;
  }
}

// SEC-6.
TEST(Flags, PathsToPassOnAreCheckedAndNoneOpensTheIdentities) {
  const Parsed good = parse({"--node=n", "--proxy-paths=/metadata/LoadBalancer/,/machine", "--proxy-paths=/x"});
  EXPECT_EQ(good.error, "");
  EXPECT_EQ(good.options.proxy_paths, (std::vector<std::string>{"/metadata/loadbalancer", "/machine", "/x"}));
  EXPECT_EQ(parse({"--node=n", "--proxy-paths=/metadata/identity/credential"}).error,
            "--proxy-paths: /metadata/identity/credential: no path below /metadata/identity is passed on");
  EXPECT_NE(parse({"--node=n", "--proxy-paths=/a/../b"}).error, "");
  EXPECT_FALSE(good.options.scheduled_event_posts);
}

}  // namespace
}  // namespace podid::nmi
