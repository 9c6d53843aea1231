// SPDX-License-Identifier: Apache-2.0
#include "core/matching.hpp"

#include <gtest/gtest.h>

#include <array>

#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_binding;
using test::make_identity;
using test::make_pod;

TEST(Matching, SelectorEqualsTheLabel) {
  EXPECT_TRUE(selects(make_binding("x", "b", "i", "reader"), make_pod("shop", "web", "reader")));
  EXPECT_FALSE(selects(make_binding("x", "b", "i", "Reader"), make_pod("shop", "web", "reader")));
  EXPECT_FALSE(selects(make_binding("x", "b", "i", "app=reader"), make_pod("shop", "web", "reader")));
  EXPECT_FALSE(selects(make_binding("x", "b", "i", ""), make_pod("shop", "web", "")));
}

TEST(Matching, FollowsTheNamespaceRule) {
  AzureIdentity identity = make_identity("shop", "kv");
  EXPECT_TRUE(namespaces_allow(identity, "shop", "other", NamespacedMode::off));
  EXPECT_FALSE(namespaces_allow(identity, "shop", "other", NamespacedMode::on));
  EXPECT_FALSE(namespaces_allow(identity, "other", "shop", NamespacedMode::on));
  EXPECT_TRUE(namespaces_allow(identity, "shop", "shop", NamespacedMode::on));
  identity.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
  EXPECT_FALSE(namespaces_allow(identity, "shop", "other", NamespacedMode::off));
  EXPECT_TRUE(namespaces_allow(identity, "shop", "shop", NamespacedMode::off));
}

AzurePodIdentityException make_exception(const std::string& ns, StringMap labels) {
  AzurePodIdentityException exception;
  exception.meta.ns = ns;
  exception.pod_labels = std::move(labels);
  return exception;
}

TEST(Matching, ExceptionsAreOfTheirNamespace) {
  Pod pod = make_pod("shop", "web");
  pod.labels.emplace("app", "Mic");
  struct Case {
    const char* what;
    std::vector<AzurePodIdentityException> exceptions;
    bool excepted;
  };
  const Case cases[] = {
      {"none", {}, false},
      {"no pairs", {make_exception("shop", {})}, false},
      {"value without regard to case", {make_exception("shop", {{"app", "mIC"}})}, true},
      {"key with regard to case", {make_exception("shop", {{"App", "mic"}})}, false},
      {"other namespace", {make_exception("default", {{"app", "mic"}})}, false},
      {"one pair is enough", {make_exception("shop", {{"x", "y"}, {"app", "mic"}})}, true},
      {"one exception is enough",
       {make_exception("shop", {{"x", "y"}}), make_exception("shop", {{"app", "mic"}})},
       true},
      {"absent key is not an empty value", {make_exception("shop", {{"x", ""}})}, false},
  };
  for (const Case& c : cases) EXPECT_EQ(is_excepted(pod, c.exceptions), c.excepted) << c.what;
}

TEST(Matching, KnowsControllerPods) {
  const auto stock = stock_controller_accounts();
  Pod pod = make_pod("Default", "mic-5d4c-x");
  pod.replica_set = "mic-5d4c";
  pod.labels["component"] = "mic";
  EXPECT_FALSE(is_controller_pod(pod, "default", stock)) << "whoever may create pods writes names and labels (SEC-2)";
  for (const char* account : {"aad-pod-id-mic-service-account", "aad-pod-identity-mic"}) {
    pod.service_account = account;
    EXPECT_TRUE(is_controller_pod(pod, "default", stock));
  }
  EXPECT_FALSE(is_controller_pod(pod, "kube-system", stock));
  const std::array<std::string, 1> mine = {"identity-controller"};
  EXPECT_FALSE(is_controller_pod(pod, "default", mine));
  pod.service_account = mine[0];
  EXPECT_TRUE(is_controller_pod(pod, "default", mine));
  EXPECT_FALSE(is_controller_pod(pod, "default", stock));
  pod.replica_set = "microshop-5d4c";
  EXPECT_FALSE(is_controller_pod(pod, "default", mine));
}

TEST(Matching, ExceptionsForTheControllerAreKnown) {
  Pod pod = make_pod("default", "web");
  pod.labels = {{"app", "MIC"}, {"tier", "back"}};
  AzurePodIdentityException shipped;
  shipped.meta.ns = "default";
  shipped.pod_labels = {{"app", "mic"}, {"component", "mic"}};
  AzurePodIdentityException own = shipped;
  own.pod_labels = {{"tier", "back"}};
  AzurePodIdentityException both = shipped;
  both.pod_labels["tier"] = "Back";
  AzurePodIdentityException elsewhere = own;
  elsewhere.meta.ns = "shop";
  EXPECT_TRUE(names_controller(shipped) && names_controller(both));
  EXPECT_FALSE(names_controller(own));
  const auto for_itself = [&pod](std::vector<const AzurePodIdentityException*> exceptions) {
    return is_excepted_for_itself(pod, exceptions);
  };
  EXPECT_FALSE(for_itself({&shipped, &elsewhere}));
  EXPECT_TRUE(for_itself({&shipped, &own}));
  EXPECT_TRUE(for_itself({&both}));
}

}  // namespace
}  // namespace podid::core
