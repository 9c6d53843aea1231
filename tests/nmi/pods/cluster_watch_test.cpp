// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/cluster_watch.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log_budget.hpp"
#include "core/model/resources_json.hpp"
#include "kube/kube_fixture.hpp"
#include "support/builders.hpp"

namespace podid::nmi {
namespace {

const std::string kGroup = "/apis/aadpodidentity.k8s.io/v1/namespaces/";

class ClusterWatchTest : public test::KubeFixture<base::RealClock> {
 protected:
  explicit ClusterWatchTest(core::OperationMode mode = core::OperationMode::standard)
      : watch(*client, {.snapshot = {.mode = mode}, .node = "node-a", .only_this_node = false}, source, metrics) {}
  ~ClusterWatchTest() override {
    end_faults();
    await(watch.stop());
  }

  void put_pod(const std::string& ns, const std::string& name, const boost::json::object& labels,
               const std::string& padding = "") {
    server.put(fmt::format("/api/v1/namespaces/{}/pods/{}", ns, name),
               {{"metadata", {{"labels", labels}, {"annotations", {{"padding", padding}}}}},
                {"spec", {{"nodeName", "node-a"}}},
                {"status", {{"phase", "Running"}, {"podIP", "10.0.0.7"}}}});
  }
  static std::string identity_path(const std::string& ns, const std::string& name) {
    return kGroup + ns + "/azureidentities/" + name;
  }
  static std::string binding_path(const std::string& ns, const std::string& name) {
    return kGroup + ns + "/azureidentitybindings/" + name;
  }
  void put_identity(const std::string& ns, const std::string& name) {
    server.put(identity_path(ns, name), core::write_azure_identity(test::make_identity(ns, name)));
  }
  void put_binding(const std::string& ns, const std::string& name, const std::string& selector = "reader") {
    server.put(binding_path(ns, name),
               core::write_azure_identity_binding(test::make_binding(ns, name, name, selector)));
  }
  // Of pod web in namespace shop.
  void put_assigned(const std::string& ns, const std::string& name) {
    core::AzureAssignedIdentity assigned = test::make_assigned(
        test::make_pod("shop", "web"), test::make_identity(ns, name), test::make_binding(ns, name, name));
    assigned.meta.annotations.clear();  // the server gives uids
    server.put(kGroup + "default/azureassignedidentities/" + assigned.meta.name,
               core::write_azure_assigned_identity(assigned));
  }
  base::Result<> confirm() { return await(watch.confirm_pods()); }

  PodEntryPtr entry(const std::string& ns = "shop", const std::string& name = "web") {
    return SnapshotSource::Reader(source).get()->named(ns, name);
  }
  // What speaks against the pod's only assignment; nothing where it has none, or another number.
  std::optional<core::Doubt> doubt() {
    const PodEntryPtr web = entry();
    if (!web || web->assigned.size() != 1 || web->doubts.empty()) return std::nullopt;
    return web->doubts.front().doubt;
  }
  bool backed() {
    const PodEntryPtr web = entry();
    return web && web->assigned.size() == 1 && web->doubts.empty();
  }
  void start() {
    watch.start();
    ASSERT_TRUE(until([this] { return watch.synced(); }));
  }
  // Lists of the kind but those that ask for the version alone.
  std::vector<std::string> lists_of(const std::string& plural) const {
    std::vector<std::string> lists;
    for (const net::Request& request : server.requests) {
      const bool is_list = request.target.ends_with(plural) || request.target.contains(plural + "?");
      const bool is_more = !request.target.contains("watch=true") && !request.target.ends_with(plural + "?limit=1");
      if (is_list && is_more) lists.push_back(request.target);
    }
    return lists;
  }

  base::MetricsRegistry metrics;
  SnapshotSource source;
  ClusterWatch watch;
};

TEST_F(ClusterWatchTest, ObjectsThatCannotBeReadDoNotFillTheLog) {  // SEC-7
  constexpr int kMany = 50 * base::LogBudget::kLinesPerSecond;
  for (int i = 0; i < kMany; ++i) {
    server.put(fmt::format("{}shop/azurepodidentityexceptions/e-{}", kGroup, i), {{"spec", {{"podLabels", 1}}}});
  }
  testing::internal::CaptureStderr();
  start();
  const std::string log = testing::internal::GetCapturedStderr();
  int lines = 0;
  constexpr std::string_view kLine = "object cannot be read";
  for (std::size_t at = log.find(kLine); at != std::string::npos; at = log.find(kLine, at + 1)) ++lines;
  EXPECT_GT(lines, 0);
  EXPECT_LT(lines, kMany);
}

TEST_F(ClusterWatchTest, ConfirmsPodsWhoseListIsLargerThanOneAnswerMayBe) {
  start();
  EXPECT_TRUE(confirm());
  // As many as a tenant may put on a node; finished ones take no room there (SEC-7).
  const std::string padding(std::size_t{1400} << 10, 'x');
  for (int pod = 0; pod < 26; ++pod) put_pod("shop", "large-" + std::to_string(pod), {}, padding);
  EXPECT_TRUE(until([this] { return confirm().has_value(); }));
}

TEST_F(ClusterWatchTest, ReadsWhatItsAssignmentsNameAndNothingElse) {
  for (int n = 0; n < 200; ++n) {
    put_identity("elsewhere", fmt::format("i{}", n));
    put_binding("elsewhere", fmt::format("i{}", n));
  }
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("vault", "reader");
  put_binding("vault", "reader");
  put_assigned("vault", "reader");
  start();
  ASSERT_TRUE(until([this] { return backed(); })) << "complete only with what the assignments name";
  EXPECT_TRUE(SnapshotSource::Reader(source).get()->complete());
  EXPECT_TRUE(lists_of("azureidentities").empty());
  EXPECT_TRUE(lists_of("azureidentitybindings").empty());
  EXPECT_EQ(server.count_requests("GET", identity_path("elsewhere", "")), 0u);
  EXPECT_EQ(server.count_requests("GET", identity_path("vault", "reader")), 1u);
  EXPECT_EQ(server.count_requests("GET", binding_path("vault", "reader")), 1u);
}

// docs/design/access.md §4.
TEST_F(ClusterWatchTest, GrantsAreFollowedFromTheFirstBindingOnThatNeedsThem) {
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  put_assigned("shop", "reader");
  start();
  ASSERT_TRUE(until([this] { return backed(); }));
  const auto asked_for = [this](std::string_view what) {
    return std::ranges::any_of(server.requests,
                               [what](const net::Request& each) { return each.target.contains(what); });
  };
  EXPECT_FALSE(asked_for("azureidentitygrants"));
  EXPECT_FALSE(asked_for("validatingadmissionpolicies"));

  core::AzureIdentityBinding binding = test::make_binding("shop", "reader", "reader");
  binding.unknown.spec["access"] = boost::json::parse(R"({"grant": {"maxDuration": "1h", "approvals": 0}})");
  server.put(binding_path("shop", "reader"), core::write_azure_identity_binding(binding));
  const auto reason = [this]() -> std::optional<core::AccessReason> {
    const PodEntryPtr web = entry();
    if (!web || web->limited.size() != 1 || !web->doubts.empty()) return std::nullopt;
    return web->limited.front().access.at(client->clock().wall_now()).reason;
  };
  ASSERT_TRUE(until([&] { return reason() == core::AccessReason::grant_policy_missing; }));
  EXPECT_TRUE(asked_for("azureidentitygrantapprovals"));
  for (const std::string_view name : core::kGrantPolicies) {
    EXPECT_TRUE(asked_for("validatingadmissionpolicies?fieldSelector=metadata.name%3D" + std::string(name)));
    EXPECT_TRUE(asked_for("validatingadmissionpolicybindings?fieldSelector=metadata.name%3D" + std::string(name)));
  }
  EXPECT_EQ(lists_of("azureidentitygrants"), std::vector<std::string>{kGroup + "shop/azureidentitygrants?limit=100"});
}

// SEC-11: without the controller's doing.
TEST_F(ClusterWatchTest, DeletingABindingRevokes) {
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  put_assigned("shop", "reader");
  start();
  ASSERT_TRUE(until([this] { return backed(); }));
  server.remove(binding_path("shop", "reader"));
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::binding; }));
  put_binding("shop", "reader");
  ASSERT_TRUE(until([this] { return backed(); }));
  put_binding("shop", "reader", "others");
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::binding; }));
  put_binding("shop", "reader");
  ASSERT_TRUE(until([this] { return backed(); }));
  server.remove(identity_path("shop", "reader"));
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::identity; }));
}

TEST_F(ClusterWatchTest, WhatIsMadeAfterTheAssignmentCounts) {
  start();
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_assigned("shop", "reader");
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::identity; }));
  put_identity("shop", "reader");
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::binding; }));
  put_binding("shop", "reader");
  ASSERT_TRUE(until([this] { return backed(); }));
}

TEST_F(ClusterWatchTest, WhatIsDeletedWhileNobodyWatchedIsRevoked) {
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  put_assigned("shop", "reader");
  const auto backup = server.backup();
  start();
  ASSERT_TRUE(until([this] { return backed() && server.open_watches() == 5; }));
  server.watch_budget = [] { return 0; };
  server.end_watches(false);
  ASSERT_TRUE(until([this] { return server.open_watches() == 0; }));
  server.remove(binding_path("shop", "reader"));
  server.compact();
  server.watch_budget = nullptr;
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::binding; }));
  server.restore(backup);  // FLD-8
  ASSERT_TRUE(until([this] { return backed(); }));
}

TEST_F(ClusterWatchTest, WhatCannotBeReadYetIsNotServedAndSaid) {
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  start();
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.target != binding_path("shop", "reader")) return std::nullopt;
    net::Response response;
    response.status = 403;
    return response;
  };
  put_assigned("shop", "reader");
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::unread && watch.problem(); }));
  EXPECT_TRUE(watch.problem()->starts_with("azureidentitybindings: ")) << *watch.problem();
  server.intercept = nullptr;
  ASSERT_TRUE(until([this] { return backed(); }));
  EXPECT_FALSE(watch.problem());
}

TEST_F(ClusterWatchTest, NamesThatAreNoneAreNotAskedFor) {
  core::AzureIdentity nowhere = test::make_identity("shop", "..");
  core::AzureAssignedIdentity assigned =
      test::make_assigned(test::make_pod("shop", "web"), nowhere, test::make_binding("", "x", ".."));
  assigned.meta.name = "odd";
  server.put(kGroup + "default/azureassignedidentities/odd", core::write_azure_assigned_identity(assigned));
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  start();
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::identity; }));
  ASSERT_TRUE(until([this] { return server.open_watches() == 5; }));
  EXPECT_EQ(server.requests.size(), 10u) << "five lists and watches";
}

// Whoever may write assignments must not decide what is asked for, nor keep the node waiting.
TEST_F(ClusterWatchTest, NamesThatNoObjectCanHaveAreNotAskedFor) {
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (!request.target.contains("/azureidentitybindings/")) return std::nullopt;
    net::Response response;
    response.status = 400;
    return response;
  };
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "i");
  const std::vector<std::pair<std::string, std::string>> names = {
      {"shop", "a%b"},  {"shop", "a/b"},  {"shop", "A"},    {"shop", "-a"},  {"shop", "a-"},
      {"shop", "a..b"}, {"shop", "a-.b"}, {"shop", "a.-b"}, {"shop", "a."},  {"shop", std::string(254, 'a')},
      {"s/p", "a"},     {"", "a"},        {"shop", ""},     {"shop", "a b"}, {std::string(300, 's'), "a"}};
  for (std::size_t n = 0; n < names.size(); ++n) {
    const core::Pod pod = test::make_pod("shop", n == 0 ? "web" : fmt::format("web{}", n));
    core::AzureAssignedIdentity assigned = test::make_assigned(
        pod, test::make_identity("shop", "i"), test::make_binding(names[n].first, names[n].second, "i"));
    assigned.meta.annotations.clear();
    server.put(kGroup + "default/azureassignedidentities/" + assigned.meta.name,
               core::write_azure_assigned_identity(assigned));
  }
  start();
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::binding; }));
  EXPECT_EQ(server.count_requests("GET", identity_path("shop", "i")), 1u);
  for (const net::Request& request : server.requests) {
    EXPECT_FALSE(request.target.contains("/azureidentitybindings/")) << request.target;
  }
  EXPECT_FALSE(watch.problem());
}

TEST_F(ClusterWatchTest, WhatAnAssignmentNamesThatCannotCountIsNotAskedFor) {
  core::AzureAssignedIdentity odd = test::make_assigned(
      test::make_pod("shop", "web"), test::make_identity("vault", "i"), test::make_binding("vault", "b", "i"));
  const auto put = [this](const core::AzureAssignedIdentity& assigned) {
    server.put(kGroup + assigned.meta.ns + "/azureassignedidentities/" + assigned.meta.name,
               core::write_azure_assigned_identity(assigned));
  };
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  core::AzureAssignedIdentity without_finalizer = odd;
  without_finalizer.meta.finalizers.clear();
  put(without_finalizer);
  core::AzureAssignedIdentity misnamed = odd;
  misnamed.meta.name = "odd";
  put(misnamed);
  core::AzureAssignedIdentity misplaced = odd;
  misplaced.meta.ns = "shop";
  put(misplaced);
  start();
  ASSERT_TRUE(until([this] { return entry() && entry()->assigned.size() == 3; }));
  EXPECT_EQ(server.count_requests("GET", kGroup + "vault/"), 0u);
  put(odd);  // with its finalizer
  ASSERT_TRUE(until([this] {
    return server.count_requests("GET", identity_path("vault", "i")) == 1 &&
           server.count_requests("GET", binding_path("vault", "b")) == 1;
  }));
}

// One object that is refused costs no other pod anything.
TEST_F(ClusterWatchTest, WhatIsRefusedIsNotWaitedFor) {
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.target != binding_path("shop", "reader")) return std::nullopt;
    net::Response response;
    response.status = 403;
    return response;
  };
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  put_assigned("shop", "reader");
  start();
  ASSERT_TRUE(until([this] { return doubt() == core::Doubt::unread; }));
  end_faults();
  ASSERT_TRUE(until([this] { return backed(); }));
}

class ManagedClusterWatchTest : public ClusterWatchTest {
 protected:
  ManagedClusterWatchTest() : ClusterWatchTest(core::OperationMode::managed) {}
  bool has(std::size_t bindings, std::size_t identities) {
    const PodEntryPtr web = entry();
    return web && !web->unread && web->objects->bindings.size() == bindings &&
           web->objects->identities.size() == identities;
  }
};

TEST_F(ManagedClusterWatchTest, HoldsTheNamespacesOfItsLabelledPods) {
  put_pod("other", "unlabelled", {});
  put_identity("other", "stranger");
  put_identity("shop", "reader");
  put_binding("shop", "reader");
  start();
  EXPECT_TRUE(lists_of("azureidentities").empty());
  put_pod("shop", "web", {{"aadpodidbinding", "reader"}});
  ASSERT_TRUE(until([this] { return has(1, 1); }));
  EXPECT_EQ(lists_of("azureidentities").size(), 1u);
  EXPECT_EQ(lists_of("azureidentitybindings").size(), 1u);
  EXPECT_TRUE(entry("other", "unlabelled")->objects->identities.empty());
  server.remove(binding_path("shop", "reader"));
  put_identity("shop", "writer");
  ASSERT_TRUE(until([this] { return has(0, 2); }));
  put_pod("shop", "web", {});
  ASSERT_TRUE(until([this] { return has(0, 0); })) << "nobody needs them any more";
}

// A tenant who patches pods as fast as he can does not keep the addresses of all pods in doubt.
TEST_F(ClusterWatchTest, ConfirmsPodsThatSomebodyChangesWithoutEnd) {
  put_pod("shop", "web", {});
  start();
  int changes = 0;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    // Each list is ahead of the watch.
    if (!request.target.contains("watch=")) put_pod("shop", "web", {}, std::to_string(++changes));
    return std::nullopt;
  };
  for (int round = 0; round < 20; ++round) {
    int tries = 0;
    while (tries < 5 && !confirm()) ++tries;
    EXPECT_LT(tries, 5);
  }
  end_faults();
}

}  // namespace
}  // namespace podid::nmi
