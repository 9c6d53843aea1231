// SPDX-License-Identifier: Apache-2.0
// Whatever happens, in whatever order the controller hears of it, and wherever it is killed: the end is the same.
#include <fmt/format.h>

#include <algorithm>

#include "mic/control/controller_fixture.hpp"

namespace podid::test {
namespace {

using ::testing::ContainerEq;
using ::testing::IsEmpty;

class ControllerHistoryTest : public ControllerFixture {
 public:
  // What pods, identities and bindings ask for, as states() shows it.
  std::vector<std::string> wanted() const {
    std::vector<std::string> states;
    for (const auto& [name, pod] : pods_now) {
      std::map<std::string, bool> open;  // by identity
      for (const auto& [binding_name, binding] : bindings_now) {
        if (binding.selector != pod.label || !identities_now.contains(binding.identity)) continue;
        open[binding.identity] |= binding.ends_open;
      }
      for (const auto& [identity, is_open] : open)
        states.push_back(fmt::format("{}-default-{}: {}", pod.name, identity, is_open ? "Assigned" : "Created"));
    }
    std::ranges::sort(states);
    return states;
  }

  std::map<std::string, std::set<std::string>> wanted_on_azure() const {
    std::map<std::string, std::set<std::string>> on;
    for (const auto& [name, pod] : pods_now) {
      for (const auto& [binding_name, binding] : bindings_now) {
        const auto identity = identities_now.find(binding.identity);
        if (binding.selector != pod.label || identity == identities_now.end() || !binding.ends_open) continue;
        on[pod.node == "node-c" || pod.node == "node-d" ? vmss() : vm(pod.node)].insert(identity_id(identity->second));
      }
    }
    return on;
  }

  void one_change() {
    static const char* const kNodes[] = {"node-a", "node-b", "node-c", "node-d"};
    const std::string number = std::to_string(random.below(4));
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2: {
        PodSpec spec{.name = "pod-" + number,
                     .node = kNodes[random.below(4)],
                     .label = "app-" + std::to_string(random.below(3)),
                     .uid = std::to_string(random.next())};
        pods_now[spec.name] = spec;
        return pod(spec);
      }
      case 3:
      case 4:
        pods_now.erase("pod-" + number);
        return remove_pod("pod-" + number);
      case 5: {
        const std::string resource = "r" + std::to_string(random.below(3));
        identities_now["id-" + number] = resource;
        return identity("id-" + number, resource);
      }
      case 6: {
        const std::string id = "id-" + std::to_string(random.below(4));
        const std::string label = "app-" + std::to_string(random.below(3));
        // Some may be used until, or from, a time that comes before the end.
        std::optional<core::Access> access;
        const bool closes = random.below(3) == 0;
        if (closes || random.below(2) == 0) {
          const auto when = clock.wall_now() + std::chrono::minutes(random.below(60));
          access.emplace();
          (closes ? access->not_after : access->not_before) = when;
        }
        bindings_now["b-" + number] = {.identity = id, .selector = label, .ends_open = !closes};
        return binding("b-" + number, id, label, "default", access);
      }
      default:
        if (random.below(2) == 0) {
          identities_now.erase("id-" + number);
          return remove_identity("id-" + number);
        }
        bindings_now.erase("b-" + number);
        return remove_binding("b-" + number);
    }
  }

  void nodes() {
    vm_node("node-a");
    vm_node("node-b");
    vmss_node("node-c");
    vmss_node("node-d");
  }

  void expect_the_wanted_end(std::uint64_t seed) {
    // Back-off after conflicts and failures, and the end of whatever was under way.
    for (int i = 0; i < 8; ++i) advance(std::chrono::minutes(20));
    EXPECT_THAT(states(), ContainerEq(wanted())) << "seed " << seed;
    std::map<std::string, std::set<std::string>> on = azure.attached;
    std::erase_if(on, [](const auto& entry) { return entry.second.empty(); });
    EXPECT_THAT(on, ContainerEq(wanted_on_azure())) << "seed " << seed;
  }

  std::map<std::string, PodSpec> pods_now;
  std::map<std::string, std::string> identities_now;
  struct Bound {
    std::string identity;
    std::string selector;
    bool ends_open = true;
  };
  std::map<std::string, Bound> bindings_now;
};

class RandomHistoryTest : public ControllerHistoryTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(RandomHistoryTest, EndsInTheWantedState) {
  random = SeededRandom(GetParam());
  nodes();
  start();
  for (int step = 0; step < 120; ++step) {
    one_change();
    switch (random.below(6)) {
      case 0:
        settle();
        break;
      case 1:
        run();  // writes go on, the watch is late
        break;
      case 2:
        advance(std::chrono::seconds(random.below(120)));
        break;
      default:
        io.restart();
        for (std::size_t i = random.below(10); i > 0; --i) io.poll_one();
    }
  }
  expect_the_wanted_end(GetParam());
}

TEST_P(RandomHistoryTest, SurvivesFailuresAndRestarts) {
  random = SeededRandom(GetParam() + 1000);
  nodes();
  start();
  for (int step = 0; step < 80; ++step) {
    one_change();
    const bool api_fails = random.below(4) == 0;
    const bool creations_fail = random.below(4) == 0;
    api.before_write = [this, api_fails, creations_fail](std::string_view verb,
                                                         const std::string&) -> std::optional<base::Error> {
      if (!(creations_fail && verb == "create") && (!api_fails || random.below(2) == 0)) return std::nullopt;
      return make_error(base::ErrorKind::unavailable, "busy");
    };
    azure.failure.reset();
    if (random.below(4) == 0) azure.failure = make_error(base::ErrorKind::unavailable, "ARM is away");
    if (random.below(5) == 0) {
      io.restart();
      for (std::size_t i = random.below(20); i > 0; --i) io.poll_one();
      restart();
    }
    if (random.below(2) == 0) settle();
    if (random.below(5) == 0) advance(std::chrono::seconds(random.below(600)));
  }
  api.before_write = nullptr;
  azure.failure.reset();
  restart();
  expect_the_wanted_end(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistoryTest, ::testing::Range<std::uint64_t>(1, 61));

// A leader killed at any point must not lose work: the same story, cut after each of its writes in turn.
TEST_F(ControllerHistoryTest, ALeaderKilledAfterAnyWriteLosesNothing) {
  for (int cut = 0; cut < 40; ++cut) {
    SCOPED_TRACE(cut);
    api.writes = 0;
    api.before_write = [this, cut](std::string_view, const std::string&) -> std::optional<base::Error> {
      if (api.writes < cut) return std::nullopt;
      return make_error(base::ErrorKind::unavailable, "killed");
    };
    usual_cluster();
    vmss_node("node-c");
    pod({.name = "web"});
    pod({.name = "moving"});
    if (controller) {
      restart();
    } else {
      start();
    }
    settle();
    identity("id", "two");
    pod({.name = "moving", .node = "node-c", .uid = "second"});
    settle();
    remove_pod("web");
    settle();
    api.before_write = nullptr;
    restart();
    advance(std::chrono::minutes(1));
    EXPECT_THAT(states(), ContainerEq(std::vector<std::string>{"moving-default-id: Assigned"}));
    EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
    EXPECT_THAT(azure.attached[vmss()], ContainerEq(std::set{identity_id("two")}));
    remove_pod("moving");
    advance(std::chrono::minutes(1));
    EXPECT_THAT(states(), IsEmpty());
    EXPECT_THAT(azure.attached[vmss()], IsEmpty());
  }
}

}  // namespace
}  // namespace podid::test
