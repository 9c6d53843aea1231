// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/binding_looks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/model/resources_json.hpp"
#include "kube/kube_fixture.hpp"
#include "support/builders.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;

const std::string kGroup = "/apis/aadpodidentity.k8s.io/v1/";

class BindingLooksTest : public test::KubeFixture<test::FakeClock> {
 protected:
  ~BindingLooksTest() override {
    end_faults();
    if (looks) await(looks->stop());
  }
  void make(bool only_own_namespace = false) {
    looks = std::make_unique<BindingLooks>(*client, only_own_namespace, [this] { ++changes; });
  }
  void put_binding(const std::string& ns, const std::string& name, const std::string& selector = "web") {
    server.put(fmt::format("{}namespaces/{}/azureidentitybindings/{}", kGroup, ns, name),
               core::write_azure_identity_binding(test::make_binding(ns, name, name, selector)));
  }
  void put_identity(const std::string& ns, const std::string& name) {
    server.put(fmt::format("{}namespaces/{}/azureidentities/{}", kGroup, ns, name),
               core::write_azure_identity(test::make_identity(ns, name)));
  }
  // Bindings and identities, as the look has them; "none": there is no look.
  std::string found(const LookKey& key = {"shop", "web"}) const {
    const auto look = looks->looks()->find(key);
    if (look == looks->looks()->end()) return "none";
    std::string text;
    for (const auto* binding : look->second->bindings) text += binding->meta.key().text() + " ";
    text += "|";
    for (const auto* identity : look->second->identities) text += " " + identity->meta.key().text();
    return text;
  }
  bool looked(int times = 1) {
    return until([this, times] { return changes == times; });
  }
  // A request of bindings was answered, whatever became of it.
  std::size_t lists() const {
    return static_cast<std::size_t>(std::ranges::count_if(server.requests, [](const net::Request& request) {
      return request.target.contains("/azureidentitybindings?");
    }));
  }
  // What is due now has been done.
  void settle() {
    test::run_task(io, base::asio::post(io, base::use_task));
    io.restart();
    io.poll();
  }

  std::unique_ptr<BindingLooks> looks;
  int changes = 0;
};

TEST_F(BindingLooksTest, FindsTheBindingsOfALabelAndTheirIdentitiesThePodsNamespaceLast) {
  put_binding("shop", "mine");
  put_binding("vault", "theirs");
  put_binding("zoo", "missing");
  put_binding("shop", "other", "api");
  put_identity("shop", "mine");
  put_identity("vault", "theirs");
  make();
  looks->want({"shop", "web"});
  ASSERT_TRUE(looked());
  EXPECT_EQ(found(), "vault/theirs zoo/missing shop/mine | shop/mine vault/theirs");
  EXPECT_EQ(lists(), 1u);
  EXPECT_TRUE(server.requests.front().target.contains("fieldSelector=spec.selector%3Dweb"))
      << server.requests.front().target;
}

TEST_F(BindingLooksTest, WithForceNamespacedOnlyThePodsNamespaceIsLookedAt) {
  put_binding("shop", "mine");
  put_binding("vault", "theirs");
  make(true);
  looks->want({"shop", "web"});
  ASSERT_TRUE(looked());
  EXPECT_EQ(found(), "shop/mine |");
  EXPECT_TRUE(server.requests.front().target.starts_with(kGroup + "namespaces/shop/azureidentitybindings?"));
}

TEST_F(BindingLooksTest, WhereTheServerCannotChooseAllAreReadInPagesAndTheServerIsAskedForItOnce) {
  for (int n = 0; n < 1100; ++n) put_binding("shop", fmt::format("b-{}", n), fmt::format("label-{}", n));
  put_binding("shop", "mine");
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (!request.target.contains("fieldSelector=spec.selector")) return std::nullopt;
    return net::Response{.status = 400,
                         .body = R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest",)"
                                 R"("message":"field label not supported: spec.selector","code":400})"};
  };
  make();
  looks->want({"shop", "web"});
  ASSERT_TRUE(looked());
  EXPECT_EQ(found(), "shop/mine |");
  EXPECT_EQ(lists(), 1u + 3u);
  clock.advance(kLookAge);
  looks->want({"shop", "web"});
  ASSERT_TRUE(looked(2));
  EXPECT_EQ(lists(), 1u + 3u + 3u);
}

TEST_F(BindingLooksTest, OneLookIsForAllWhoAskAndForTwoSeconds) {
  make();
  for (int pod = 0; pod < 5; ++pod) looks->want({"shop", "web"});
  ASSERT_TRUE(looked());
  clock.advance(kLookAge - std::chrono::milliseconds(1));
  looks->want({"shop", "web"});
  settle();
  EXPECT_EQ(lists(), 1u);
  clock.advance(std::chrono::milliseconds(1));
  looks->want({"shop", "web"});
  ASSERT_TRUE(looked(2));
  EXPECT_EQ(lists(), 2u);
}

TEST_F(BindingLooksTest, ANodeLooksOnceASecondWhateverItsPodsAskFor) {
  make();
  for (int pod = 0; pod < 3; ++pod) looks->want({"shop", fmt::format("label-{}", pod)});
  ASSERT_TRUE(looked());
  for (int n = 2; n <= 3; ++n) {
    settle();
    EXPECT_EQ(lists(), static_cast<std::size_t>(n - 1));
    clock.advance(kLookPause);
    ASSERT_TRUE(looked(n));
  }
  EXPECT_EQ(found({"shop", "label-0"}), "|");
}

TEST_F(BindingLooksTest, LongLooksTakeATenthOfTheTime) {
  make();
  bool hold = true;
  server.hold = [&hold](const net::Request&, std::size_t) { return hold; };
  looks->want({"shop", "web"});
  ASSERT_TRUE(until([this] { return lists() == 1; }));
  clock.advance(seconds(3));
  hold = false;
  ASSERT_TRUE(looked());
  looks->want({"shop", "other"});
  settle();
  clock.advance(seconds(27) - std::chrono::milliseconds(1));
  settle();
  EXPECT_EQ(lists(), 1u);
  clock.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(looked(2));
}

TEST_F(BindingLooksTest, WhatTheServerDoesNotTellIsNotKnownAndIsAskedForAgain) {
  put_binding("shop", "mine");
  put_identity("shop", "mine");
  for (const char* broken : {"/azureidentitybindings?", "/azureidentities/mine"}) {
    make();
    changes = 0;
    int failed = 0;
    server.intercept = [broken, &failed](const net::Request& request) -> std::optional<net::Response> {
      if (!request.target.contains(broken)) return std::nullopt;
      ++failed;
      return net::Response{.status = 403, .body = "{}"};
    };
    looks->want({"shop", "web"});
    ASSERT_TRUE(until([&failed] { return failed == 1; })) << broken;
    settle();
    EXPECT_EQ(found(), "none") << broken;
    end_faults();
    ASSERT_TRUE(until([this] {
      looks->want({"shop", "web"});
      clock.advance(kLookPause);
      return changes == 1;
    }));
    EXPECT_EQ(found(), "shop/mine | shop/mine") << broken;
    await(looks->stop());
  }
}

// Another namespace may have made them; what they would be told is the pod's business alone.
TEST_F(BindingLooksTest, OfTooManyBindingsNothingIsKnown) {
  for (std::size_t n = 0; n <= kMostLookedAt; ++n) put_binding("vault", fmt::format("b-{}", n));
  make();
  looks->want({"shop", "web"});
  ASSERT_TRUE(until([this] { return lists() == 1; }));
  ASSERT_TRUE(until([this] {
    clock.advance(kLookPause);
    looks->want({"shop", "other"});
    return found({"shop", "other"}) != "none";
  }));
  EXPECT_EQ(found(), "none");
  EXPECT_EQ(server.count_requests("GET", kGroup + "namespaces/vault/azureidentities/"), 0u);
}

}  // namespace
}  // namespace podid::nmi
