// SPDX-License-Identifier: Apache-2.0
// Whose token it is that a pod, or a process of the node, gets: nmi.md §5 to §9.
#include <gtest/gtest.h>

#include "nmi/request/outcome_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::make_binding;
using test::make_identity;
using test::variant;

struct GrantRow {
  const char* what;
  Cluster cluster;
  std::string parameters;
  std::string identity;  // client ID or resource ID that the token is asked for by; empty: the node's own identity
};

class OutcomeGrantTest : public test::OutcomeFixture {
 protected:
  OutcomeGrantTest() {
    tokens.answer = [this](const TokenRequest& request) -> test::FakeTokenSource::Answer {
      const Credential& credential = *request.credential;
      const std::string& asked =
          credential.client_id.empty() ? credential.resource_id.text() : credential.client_id.text();
      return std::vector{test::make_token("of " + asked, 86400, clock.wall_now())};
    };
  }
  void expect_grants(const std::vector<GrantRow>& rows, bool also_host = true) {
    for (const GrantRow& row : rows) {
      for (const bool legacy : kBoth) {
        serve(row.cluster, {.legacy = legacy});
        for (const bool host : kBoth) {
          if (host && !also_host) continue;
          SCOPED_TRACE(variant(row.what, legacy, host));
          const Got got = ask_for_token(host, "resource=r" + row.parameters);
          EXPECT_EQ(got.status, 200) << got.body;
          const std::string token = R"({"access_token":"of )" + row.identity + "\"";
          EXPECT_TRUE(got.body.starts_with(host ? R"({"token":)" + token : token)) << got.body;
          if (host) EXPECT_TRUE(got.body.ends_with(R"(},"clientid":")" + row.identity + "\"}")) << got.body;
        }
      }
    }
  }
};

core::AzureAssignedIdentity weighted(const core::Pod& pod, const std::string& ns, const std::string& name,
                                     std::int64_t weight) {
  core::AzureIdentityBinding binding = make_binding(ns, name + "-binding", name);
  binding.weight = weight;
  return test::make_assigned(pod, make_identity(ns, name), binding);
}

// NMI-6: of several identities the pod's own namespace's first, then by namespace, weight and name.
TEST_F(OutcomeGrantTest, GrantsAreAsListedInStandardMode) {
  core::AzureAssignedIdentity before_1_5 = weighted(usual_pod(), "shop", "old", 0);
  before_1_5.status.clear();
  const auto with = [](std::vector<core::AzureAssignedIdentity> assigned) {
    return Cluster{.pods = {usual_pod()}, .assigned = std::move(assigned)};
  };
  const Cluster two = with({weighted(usual_pod(), "shop", "b", 0), weighted(usual_pod(), "shop", "a", 0)});
  expect_grants({
      {"by name", two, "", "client-a"},
      {"the pod's own namespace first (SEC-3)",
       with({weighted(usual_pod(), "shop", "b", 0), weighted(usual_pod(), "alpha", "a", 1000000)}), "", "client-b"},
      {"by namespace, then name", with({weighted(usual_pod(), "beta", "a", 0), weighted(usual_pod(), "alpha", "b", 0)}),
       "", "client-b"},
      {"by weight within a namespace",
       with({weighted(usual_pod(), "shop", "a", 1), weighted(usual_pod(), "shop", "b", 2)}), "", "client-b"},
      {"a weight below none", with({weighted(usual_pod(), "shop", "a", -1), weighted(usual_pod(), "shop", "b", 0)}), "",
       "client-b"},
      {"the one asked for", two, "&client_id=client-b", "client-b"},
      {"in another case (NMI-5)", two, "&client_id=CLIENT-B", "client-b"},
      {"by resource ID", two, "&mi_res_id=" + test::identity_resource_id("B"), "client-b"},
      {"either one asked for", two, "&client_id=client-b&mi_res_id=" + test::identity_resource_id("a"), "client-a"},
      {"msi_res_id wins", two, "&mi_res_id=/x&msi_res_id=" + test::identity_resource_id("b"), "client-b"},
      {"without a status, as releases before 1.5", with({weighted(usual_pod(), "shop", "a", 9), before_1_5}), "",
       "client-old"},
      {"of another namespace", with({foreign(false)}), "", "client-reader"},
  });
}

TEST_F(OutcomeGrantTest, GrantsAreAsListedInManagedMode) {
  options.authorizer.namespaced = true;
  const auto with = [](std::int64_t weight_of_a, std::int64_t weight_of_b) {
    std::vector<core::AzureIdentityBinding> bindings = {make_binding("shop", "1", "b"), make_binding("shop", "2", "a")};
    bindings[0].weight = weight_of_b;
    bindings[1].weight = weight_of_a;
    return managed(std::move(bindings), {make_identity("shop", "b"), make_identity("shop", "a")});
  };
  expect_grants({
      {"by the binding's name", with(0, 0), "", "client-b"},
      {"by weight", with(1, 0), "", "client-a"},
      {"the one asked for", with(1, 0), "&client_id=client-b", "client-b"},
      {"in another case (NMI-5)", with(0, 0), "&client_id=Client-B", "client-b"},
      {"by resource ID", with(0, 0), "&msi_res_id=" + test::identity_resource_id("B"), "client-b"},
  });
}

core::AzurePodIdentityException exception_for(const std::string& label, const std::string& value) {
  core::AzurePodIdentityException exception;
  exception.meta.ns = "shop";
  exception.meta.name = "agents";
  exception.pod_labels = {{label, value}};
  return exception;
}

constexpr const char* kAccount = "aad-pod-id-mic-service-account";

core::Pod controller_pod(const std::string& replica_set, const core::StringMap& labels,
                         const std::string& service_account = "") {
  core::Pod pod = test::make_pod("default", "mic-7d-x", "");
  pod.pod_ips = {"127.0.0.5"};
  pod.replica_set = replica_set;
  pod.labels = labels;
  pod.service_account = service_account;
  return pod;
}

TEST_F(OutcomeGrantTest, ExceptedPodsAndTheControllerGetTheNodesIdentities) {
  core::Pod agent = usual_pod();
  agent.labels = {{"app", "agent"}};
  const Cluster excepted{.pods = {agent}, .exceptions = {exception_for("app", "agent")}};
  const Cluster by_account{.pods = {controller_pod("mic-7d", {}, kAccount)}};
  core::Pod labelled = usual_pod();
  labelled.labels = {{"component", "mic"}};
  const Cluster as_controller{.pods = {labelled}, .exceptions = {exception_for("component", "mic")}};
  Cluster elsewhere = by_account;
  elsewhere.pods[0].ns = "identity";
  elsewhere.options.mic_namespace = "Identity";
  Cluster in_managed_mode = excepted;
  in_managed_mode.options.mode = core::OperationMode::managed;
  const std::vector<std::pair<const char*, Cluster>> pods = {
      {"excepted", excepted},
      {"excepted, managed mode", in_managed_mode},
      {"excepted as the controller", as_controller},
      {"the controller by its service account", by_account},
      {"the controller in --MICNamespace", elsewhere},
  };
  for (const auto& [what, cluster] : pods) {
    expect_grants(
        {
            {what, cluster, "", ""},
            {what, cluster, "&client_id=x", "x"},
            {what, cluster, "&mi_res_id=/y", "/y"},  // NMI-17
            {what, cluster, "&client_id=x&mi_res_id=/y", "x"},
        },
        false);
  }
}

TEST_F(OutcomeGrantTest, NoOtherPodIsTakenForTheController) {
  const core::StringMap label = {{"component", "mic"}};
  core::Pod in_shop = controller_pod("mic-7d", label, kAccount);
  in_shop.ns = "shop";
  struct Row {
    const char* what;
    core::Pod pod;
    std::string mic_namespace = "default";
  };
  const Row rows[] = {
      {"a ReplicaSet that begins like it", controller_pod("microshop-7d", label, kAccount)},
      {"its name alone", controller_pod("mic-7d", {})},
      {"its name and label, as whoever may create pods writes them", controller_pod("mic-7d", label)},
      {"another component", controller_pod("mic-7d", {{"component", "nmi"}}, "default")},
      {"no ReplicaSet", controller_pod("", label, kAccount)},
      {"another namespace", in_shop},
      {"switched off", controller_pod("mic-7d", label, kAccount), ""},
  };
  for (const bool legacy : kBoth) {
    for (const Row& row : rows) {
      SCOPED_TRACE(variant(row.what, legacy, false));
      serve({.pods = {row.pod}, .options = {.mic_namespace = row.mic_namespace}}, {.legacy = legacy});
      EXPECT_EQ(ask_for_token(false, "resource=r", seconds(legacy ? 80 : 0)).status, legacy ? 404 : 400);
    }
  }
  EXPECT_TRUE(tokens.requests.empty());
}

// SEC-2: whoever passes for the controller, by its service account or by the exception that is shipped with it, gets the
// identity that the operator has named, and no other one of the node.
TEST_F(OutcomeGrantTest, TheControllerGetsOneIdentityAlone) {
  core::Pod labelled = usual_pod();
  labelled.labels = {{"component", "mic"}};
  const Cluster excepted{.pods = {labelled}, .exceptions = {exception_for("component", "mic")}};
  const Cluster by_account{.pods = {controller_pod("mic-7d", {}, kAccount)}};
  const std::string told =
      "the pod is let through as the controller, which may have one identity alone (--controller-identity of the NMI): "
      "ask for that one by its client ID, or for none";
  for (const Cluster& cluster : {excepted, by_account}) {
    options.authorizer.controller_identity = "C-Own";
    expect_grants({{"it", cluster, "", "C-Own"}, {"by its client ID", cluster, "&client_id=c-own", "C-Own"}}, false);
    options.authorizer.controller_identity = "system";
    expect_grants({{"the node's", cluster, "", ""}}, false);
    for (const char* own : {"c-own", "system"}) {
      options.authorizer.controller_identity = own;
      for (const bool legacy : kBoth) {
        serve(cluster, {.legacy = legacy});
        for (const char* selector : {"&client_id=other", "&mi_res_id=/y", "&object_id=o"}) {
          expect_told(ask_for_token(false, std::string("resource=r") + selector), legacy, {403, told});
        }
      }
    }
  }
  // A pod that is excepted by a label of its own is no controller.
  core::Pod agent = usual_pod();
  agent.labels = {{"app", "agent"}};
  expect_grants({{"excepted", {.pods = {agent}, .exceptions = {exception_for("app", "agent")}}, "&client_id=x", "x"}},
                false);
}

TEST_F(OutcomeGrantTest, ExceptionsAndTheControllersMarkAreNotForHostRequests) {
  core::Pod agent = unlabelled();
  agent.labels = {{"app", "agent"}};
  for (const bool legacy : kBoth) {
    serve({.pods = {agent}, .exceptions = {exception_for("app", "agent")}}, {.legacy = legacy});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 200);
    EXPECT_EQ(ask_for_token(true, "resource=r", seconds(legacy ? 80 : 0)).status, 404);
  }
}

}  // namespace
}  // namespace podid::nmi
