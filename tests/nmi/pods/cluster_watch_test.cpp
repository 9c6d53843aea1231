// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/cluster_watch.hpp"

#include <gtest/gtest.h>

#include "kube/kube_fixture.hpp"

namespace podid::nmi {
namespace {

class ClusterWatchTest : public test::KubeFixture<base::RealClock> {
 protected:
  void put_pod(const std::string& name, const std::string& padding) {
    server.put("/api/v1/namespaces/shop/pods/" + name, {{"metadata", {{"annotations", {{"padding", padding}}}}},
                                                        {"spec", {{"nodeName", "node-a"}}},
                                                        {"status", {{"phase", "Running"}, {"podIP", "10.0.0.7"}}}});
  }
  base::Result<> confirm() { return await(watch.confirm_pods()); }

  base::MetricsRegistry metrics;
  SnapshotSource source;
  ClusterWatch watch{*client, {.snapshot = {}, .node = "node-a", .only_this_node = false}, source, metrics};
};

TEST_F(ClusterWatchTest, ConfirmsPodsWhoseListIsLargerThanOneAnswerMayBe) {
  watch.start();
  EXPECT_TRUE(until([this] { return watch.synced(); }));
  EXPECT_TRUE(confirm());
  // As many as a tenant may put on a node; finished ones take no room there (SEC-7).
  const std::string padding(std::size_t{1400} << 10, 'x');
  for (int pod = 0; pod < 26; ++pod) put_pod("large-" + std::to_string(pod), padding);
  EXPECT_TRUE(until([this] { return confirm().has_value(); }));
  await(watch.stop());
}

// A tenant who patches pods as fast as he can does not keep the addresses of all pods in doubt.
TEST_F(ClusterWatchTest, ConfirmsPodsThatSomebodyChangesWithoutEnd) {
  put_pod("web", "");
  watch.start();
  EXPECT_TRUE(until([this] { return watch.synced(); }));
  int changes = 0;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    // Each list is ahead of the watch.
    if (!request.target.contains("watch=")) put_pod("web", std::to_string(++changes));
    return std::nullopt;
  };
  for (int round = 0; round < 20; ++round) {
    int tries = 0;
    while (tries < 5 && !confirm()) ++tries;
    EXPECT_LT(tries, 5);
  }
  end_faults();
  await(watch.stop());
}

}  // namespace
}  // namespace podid::nmi
