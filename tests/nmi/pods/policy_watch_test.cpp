// SPDX-License-Identifier: Apache-2.0
// How the snapshot follows the AzureIdentityPolicy and the labels of namespaces (SEC-10).
#include "nmi/pods/policy_watch.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/kube_fixture.hpp"
#include "nmi/pods/cluster_watch.hpp"
#include "support/builders.hpp"

namespace podid::nmi {
namespace {

namespace json = boost::json;
using Denial = core::PolicyVerdict::Denial;

const std::string kPolicy = "/apis/aadpodidentity.k8s.io/v1/azureidentitypolicies/default";

class PolicyWatchTest : public test::KubeFixture<base::RealClock> {
 protected:
  ~PolicyWatchTest() override {
    end_faults();
    if (watch) await(watch->stop());
  }
  void start(core::IdentityPolicyMode policy = core::IdentityPolicyMode::enforce) {
    watch = std::make_unique<ClusterWatch>(
        *client, ClusterWatchOptions{.snapshot = {.policy = policy}, .node = "node-a"}, source, metrics);
    watch->start();
    ASSERT_TRUE(until([this] { return watch->synced(); }));
  }
  void put_policy(const std::string& namespaces) {
    server.put(kPolicy, json::parse(R"({"spec": {"rules": [{"name": "r", "namespaces": )" + namespaces +
                                    R"(, "resourceIDs": [")" + test::identity_resource_id("reader") + "\"]}]}}")
                            .as_object());
  }
  void put_namespace(const std::string& name, const std::string& team) {
    server.put("/api/v1/namespaces/" + name,
               {{"metadata", {{"labels", {{"policy.aadpodidentity.k8s.io/team", team}}}}}});
  }
  void put_pod(const std::string& ns, const std::string& label) {
    server.put(fmt::format("/api/v1/namespaces/{}/pods/web", ns),
               {{"metadata", {{"labels", {{"aadpodidbinding", label}}}}},
                {"spec", {{"nodeName", "node-a"}}},
                {"status", {{"phase", "Running"}, {"podIP", "10.0.0.7"}}}});
  }
  // Of the newest snapshot, about identity reader of that namespace and a pod there.
  bool becomes(Denial denial, const std::string& ns = "shop") {
    return until([this, denial, &ns] {
      const SnapshotPtr snapshot = SnapshotSource::Reader(source).get();
      const core::IdentityPermissions* permissions = snapshot->permissions();
      return permissions != nullptr && permissions->judge(test::make_identity(ns, "reader"), ns).denial == denial;
    });
  }

  base::MetricsRegistry metrics;
  SnapshotSource source;
  std::unique_ptr<ClusterWatch> watch;
};

TEST_F(PolicyWatchTest, FollowsTheObject) {
  start();
  ASSERT_TRUE(becomes(Denial::no_policy));
  put_policy(R"({"names": ["shop"]})");
  ASSERT_TRUE(becomes(Denial::none));
  put_policy(R"({"names": ["vault"]})");
  ASSERT_TRUE(becomes(Denial::no_rule));
  put_policy(R"({"names": ["shop"]})");
  ASSERT_TRUE(becomes(Denial::none));
  server.put(kPolicy, {{"spec", {{"rules", 1}}}});
  ASSERT_TRUE(becomes(Denial::no_policy)) << "one that cannot be read";
  put_policy(R"({"names": ["shop"]})");
  ASSERT_TRUE(becomes(Denial::none));
  server.remove(kPolicy);
  ASSERT_TRUE(becomes(Denial::no_policy));
  EXPECT_EQ(server.count_requests("GET", "/api/v1/namespaces?"), 0u) << "no rule goes by labels";
  for (const net::Request& request : server.requests) {
    if (!request.target.contains("azureidentitypolicies")) continue;
    EXPECT_TRUE(request.target.contains("fieldSelector=metadata.name%3Ddefault")) << request.target;
  }
}

TEST_F(PolicyWatchTest, OfLabelsItKnowsThoseOfNamespacesThatMatterHere) {
  put_policy(R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})");
  for (const std::string& ns : {"shop", "vault", "elsewhere", "unbound"}) put_namespace(ns, "a");
  put_pod("shop", "reader");
  put_pod("unbound", "");
  start();
  ASSERT_TRUE(becomes(Denial::none));
  put_namespace("shop", "b");
  ASSERT_TRUE(becomes(Denial::no_rule)) << "at once";
  put_namespace("shop", "a");
  ASSERT_TRUE(becomes(Denial::none));
  EXPECT_TRUE(becomes(Denial::labels_unknown, "elsewhere"));
  put_pod("vault", "reader");
  ASSERT_TRUE(becomes(Denial::none, "vault"));
  EXPECT_EQ(server.count_requests("GET", "/api/v1/namespaces/shop"), 1u);
  EXPECT_EQ(server.count_requests("GET", "/api/v1/namespaces/elsewhere"), 0u);
  EXPECT_EQ(server.count_requests("GET", "/api/v1/namespaces/unbound"), 0u);
  put_policy(R"({"names": ["shop"]})");
  ASSERT_TRUE(becomes(Denial::no_rule, "vault"));
  put_policy(R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})");
  ASSERT_TRUE(becomes(Denial::none, "vault")) << "and read again when it matters again";
}

// An NMI without rights on the policy is not ready, and says why; it does not let everybody pass.
TEST_F(PolicyWatchTest, WithoutThePolicyTheCachesAreNotFilled) {
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (!request.target.contains("azureidentitypolicies")) return std::nullopt;
    return net::Response{.status = 403, .headers = {}, .body = R"({"kind": "Status", "message": "no right"})"};
  };
  watch = std::make_unique<ClusterWatch>(
      *client, ClusterWatchOptions{.snapshot = {.policy = core::IdentityPolicyMode::enforce}, .node = "node-a"}, source,
      metrics);
  watch->start();
  ASSERT_TRUE(until([this] {
    const auto problem = watch->problem();
    return problem && problem->contains("azureidentitypolicies: ");
  }));
  EXPECT_FALSE(watch->synced());
}

TEST_F(PolicyWatchTest, WithoutTheFlagNobodyAsksForIt) {
  put_policy(R"({"names": []})");
  start(core::IdentityPolicyMode::off);
  EXPECT_EQ(SnapshotSource::Reader(source).get()->permissions(), nullptr);
  EXPECT_EQ(server.count_requests("GET", "/apis/aadpodidentity.k8s.io/v1/azureidentitypolicies"), 0u);
}

}  // namespace
}  // namespace podid::nmi
