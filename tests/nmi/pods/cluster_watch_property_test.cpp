// SPDX-License-Identifier: Apache-2.0
// Whatever happens to AzureIdentities, bindings and assignments, to the API server and to the watches of it: in the end an
// NMI believes exactly the assignments that the objects back, and on the way there never one of which a part was in no
// state since everything was last in step.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/matching.hpp"
#include "core/model/resources_json.hpp"
#include "kube/kube_fixture.hpp"
#include "nmi/pods/cluster_watch.hpp"
#include "support/builders.hpp"

namespace podid::nmi {
namespace {

const std::string kGroup = "/apis/aadpodidentity.k8s.io/v1/namespaces/";
const std::vector<std::string> kNames = {"x", "y"};

template <class T>
struct Kept {
  std::map<std::string, std::vector<std::optional<T>>> states;  // by name, since all was in step; the last is now
  std::map<std::string, std::vector<T>> ever;

  void is(const std::string& name, std::optional<T> now) {
    if (now) ever[name].push_back(*now);
    states[name].push_back(std::move(now));
  }
  const T* now(const std::string& name) const {
    const auto found = states.find(name);
    return found == states.end() || !found->second.back() ? nullptr : &*found->second.back();
  }
  void in_step() {
    for (auto& [name, all] : states) all.erase(all.begin(), all.end() - 1);
  }
};

class ClusterWatchPropertyTest : public test::KubeFixture<test::FakeClock>, public ::testing::WithParamInterface<int> {
 protected:
  ~ClusterWatchPropertyTest() override {
    end_faults();
    await(watch.stop());
  }

  core::AzureIdentity identity(const std::string& name) {
    core::AzureIdentity made = test::make_identity("shop", name);
    made.client_id = core::ClientId(dice.below(4) == 0 ? "client-b" : "client-a");
    return made;
  }
  void happen() {
    const std::string name = kNames[dice.below(kNames.size())];
    const std::string identity_path = kGroup + "shop/azureidentities/" + name;
    const std::string binding_path = kGroup + "shop/azureidentitybindings/" + name;
    const std::string assigned_path = kGroup + "default/azureassignedidentities/web-shop-" + name;
    switch (dice.below(14)) {
      case 0:
      case 1: {
        const core::AzureIdentity made = identity(name);
        server.put(identity_path, core::write_azure_identity(made));
        return identities.is(name, made);
      }
      case 2:
        if (server.find(identity_path) == nullptr) return;
        server.remove(identity_path);
        return identities.is(name, std::nullopt);
      case 3:
      case 4: {
        const core::AzureIdentityBinding made =
            test::make_binding("shop", name, dice.below(6) == 0 ? "z" : name, dice.below(6) == 0 ? "others" : "reader");
        server.put(binding_path, core::write_azure_identity_binding(made));
        return bindings.is(name, made);
      }
      case 5:
        if (server.find(binding_path) == nullptr) return;
        server.remove(binding_path);
        return bindings.is(name, std::nullopt);
      case 6:
      case 7:
      case 8: {
        core::AzureAssignedIdentity made =
            test::make_assigned(pod, identity(name), test::make_binding("shop", name, name));
        made.meta.annotations.clear();
        server.put(assigned_path, core::write_azure_assigned_identity(made));
        return assigned.is(name, made);
      }
      case 9:
        if (server.find(assigned_path) == nullptr) return;
        server.remove(assigned_path);
        return assigned.is(name, std::nullopt);
      case 10:
        return server.bookmark();
      case 11:
        return server.end_watches(dice.below(2) == 0);
      case 12:
        return server.compact();
      default:
        if (dice.below(4) == 0) server.inject("garbage\n");
    }
  }

  PodEntryPtr entry() { return SnapshotSource::Reader(source).get()->named("shop", "web"); }
  // What the NMI believes: the client ID of each identity's assignment.
  std::map<std::string, std::string> believed() {
    std::map<std::string, std::string> all;
    const PodEntryPtr web = entry();
    if (!web) return all;
    for (const core::AzureAssignedIdentity* each : web->assigned) {
      const bool doubted =
          std::ranges::find(web->doubts, each, &core::DoubtedAssignment::assigned) != web->doubts.end();
      if (!doubted) all[each->identity.meta.name] = each->identity.client_id.text();
    }
    return all;
  }
  // An assignment may go on with an identity that was edited since, so an identity of any time counts where one is there.
  bool is_backed_by_now(const std::string& name, const std::string& client_id, bool as_it_is) const {
    const core::AzureAssignedIdentity* of = assigned.now(name);
    const core::AzureIdentity* declared = identities.now(name);
    if (of == nullptr || declared == nullptr || of->identity.client_id.text() != client_id) return false;
    if (!core::is_backed(*of, bindings.now(name), pod)) return false;
    if (core::gives_the_same(of->identity, *declared)) return true;
    return !as_it_is && std::ranges::any_of(identities.ever.at(name), [of](const core::AzureIdentity& earlier) {
      return core::gives_the_same(of->identity, earlier);
    });
  }
  bool agrees() {
    const std::map<std::string, std::string> now = believed();
    for (const std::string& name : kNames) {
      const auto found = now.find(name);
      if (found != now.end() && !is_backed_by_now(name, found->second, false)) return false;
      const core::AzureAssignedIdentity* of = assigned.now(name);
      const bool must = of != nullptr && is_backed_by_now(name, of->identity.client_id.text(), true);
      if (must && found == now.end()) return false;
    }
    return true;
  }
  // Until every watch is open and has brought all that there is.
  bool comes_into_step() {
    for (int patience = 0; patience < 1000; ++patience) {
      clock.advance(std::chrono::milliseconds(100));
      server.bookmark();
      for (int idle = 0; idle < 3;) {
        io.restart();
        idle = io.poll() > 0 ? 0 : idle + 1;
      }
      if (!watch.synced() || !entry() || watch.problem() || server.open_watches() != 5 || !agrees()) continue;
      identities.in_step();
      bindings.in_step();
      assigned.in_step();
      return true;
    }
    return false;
  }
  void expect_no_more_than_was() {
    for (const auto& [name, client_id] : believed()) {
      SCOPED_TRACE(name + " " + client_id);
      const auto any = [](const auto& states, auto&& fits) {
        return std::ranges::any_of(states, [&fits](const auto& state) { return state && fits(*state); });
      };
      EXPECT_TRUE(
          any(assigned.states.at(name), [&](const auto& of) { return of.identity.client_id.text() == client_id; }));
      EXPECT_TRUE(any(identities.states.at(name), [](const auto&) { return true; }));
      EXPECT_TRUE(std::ranges::any_of(identities.ever.at(name),
                                      [&](const auto& of) { return of.client_id.text() == client_id; }));
      EXPECT_TRUE(any(bindings.states.at(name), [&](const auto& binding) {
        return binding.azure_identity == name && binding.selector == "reader";
      }));
    }
  }

  test::SeededRandom dice{static_cast<std::uint64_t>(GetParam())};
  const core::Pod pod = test::make_pod("shop", "web");
  Kept<core::AzureIdentity> identities;
  Kept<core::AzureIdentityBinding> bindings;
  Kept<core::AzureAssignedIdentity> assigned;
  base::MetricsRegistry metrics;
  SnapshotSource source;
  ClusterWatch watch{*client, {.snapshot = {}, .node = "node-a", .only_this_node = false}, source, metrics};
};

TEST_P(ClusterWatchPropertyTest, BelievesWhatTheObjectsBack) {
  server.put("/api/v1/namespaces/shop/pods/web", {{"metadata", {{"labels", {{"aadpodidbinding", "reader"}}}}},
                                                  {"spec", {{"nodeName", "node-a"}}},
                                                  {"status", {{"phase", "Running"}, {"podIP", "10.0.0.7"}}}});
  watch.start();
  std::size_t backed = 0;
  for (int round = 0; round < 12; ++round) {
    server.watch_budget = [this]() -> std::size_t { return dice.below(2) == 0 ? dice.below(3000) : std::string::npos; };
    server.intercept = [this](const net::Request&) -> std::optional<net::Response> {
      if (dice.below(12) != 0) return std::nullopt;
      net::Response response;
      response.status = dice.below(2) == 0 ? 0 : 500;
      return response;
    };
    for (int step = 0; step < 60; ++step) {
      happen();
      clock.advance(std::chrono::milliseconds(dice.below(500)));
      io.restart();
      for (std::size_t handlers = dice.below(60); handlers > 0; --handlers) io.poll_one();
      expect_no_more_than_was();
    }
    end_faults();
    ASSERT_TRUE(comes_into_step()) << "round " << round;
    backed += believed().size();
  }
  EXPECT_GT(backed, 0u) << "the history was too tame";
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterWatchPropertyTest, ::testing::Range(1, 11));

}  // namespace
}  // namespace podid::nmi
