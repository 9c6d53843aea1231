// SPDX-License-Identifier: Apache-2.0
// Random histories of a small cluster: whatever happens, one plan leads to the desired state, a second finds nothing to
// do, and the order in which objects are given does not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "core/decide.hpp"
#include "core/whole_cluster.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_binding;
using test::make_identity;
using test::make_pod;
using test::plan;

// Names are few and chosen so that they collide: pod "a-b" in "c" and pod "a" in "b-c".
const std::vector<std::string> kNamespaces = {"b", "b-c", "c"};
const std::vector<std::string> kPods = {"a", "a-b"};
const std::vector<std::string> kIdentities = {"d", "c-d", "KV"};
const std::vector<std::string> kLabels = {"reader", "writer", ""};
const std::vector<std::string> kNodes = {"node-a", "node-b", ""};
const std::vector<std::string> kPhases = {"Running", "Running", "Succeeded"};

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  // Something happens to pods, identities, bindings, or behind the controller's back to what is stored.
  void change() {
    switch (pick(8)) {
      case 0:
      case 1:
      case 2: {
        Pod pod = make_pod(any(kNamespaces), any(kPods), any(kLabels), any(kNodes));
        pod.uid = std::to_string(++version_);
        pod.phase = any(kPhases);
        pods_.insert_or_assign(pod.key(), pod);
        break;
      }
      case 3:
        erase_one(pods_);
        break;
      case 4: {
        AzureIdentity identity = make_identity(any(kNamespaces), any(kIdentities));
        identity.meta.resource_version = std::to_string(++version_);
        identity.type = static_cast<IdentityType>(pick(4) == 0 ? 1 : 0);
        if (pick(5) == 0) identity.resource_id = ResourceId("broken");
        if (pick(3) == 0) identity.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
        identities_.insert_or_assign(identity.meta.key(), identity);
        break;
      }
      case 5: {
        AzureIdentityBinding binding =
            make_binding(any(kNamespaces), pick(2) == 0 ? "b1" : "b2", any(kIdentities), any(kLabels));
        binding.weight = static_cast<std::int64_t>(pick(3));
        binding.meta.resource_version = std::to_string(++version_);
        bindings_.insert_or_assign(binding.meta.key(), binding);
        break;
      }
      case 6:
        pick(2) == 0 ? erase_one(identities_) : erase_one(bindings_);
        break;
      case 7:
        tamper();
        break;
    }
  }

  std::vector<AzureAssignedIdentity> desired(bool shuffled) {
    auto pods = values(pods_);
    auto bindings = values(bindings_);
    auto identities = values(identities_);
    if (shuffled) {
      std::ranges::shuffle(pods, random_);
      std::ranges::shuffle(bindings, random_);
      std::ranges::shuffle(identities, random_);
    }
    return test::desired_assignments(pods, bindings, identities);
  }
  std::vector<AzureAssignedIdentity> stored(bool shuffled) {
    auto objects = values(stored_);
    if (shuffled) std::ranges::shuffle(objects, random_);
    return objects;
  }

  // What the MIC does with a step when everything succeeds; with `interrupted` it stops after the first write.
  void apply(const Step& step, bool interrupted) {
    AzureAssignedIdentity after = step.after;
    if (!interrupted) after.status = kAssigned;
    switch (step.kind) {
      case StepKind::create:
        ASSERT_TRUE(stored_.emplace(after.meta.key(), after).second) << "name taken: " << after.meta.name;
        break;
      case StepKind::replace:
      case StepKind::confirm:
        stored_.at(after.meta.key()) = after;
        break;
      case StepKind::remove:
        if (interrupted) {
          stored_.at(step.before.meta.key()).status = kUnassigned;
        } else {
          stored_.erase(step.before.meta.key());
        }
        break;
      case StepKind::recreate:
        stored_.erase(step.before.meta.key());
        if (!interrupted) stored_.emplace(after.meta.key(), after);
        break;
    }
  }
  bool interrupts() { return pick(3) == 0; }

 private:
  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  const std::string& any(const std::vector<std::string>& of) { return of[pick(of.size())]; }
  template <class Map>
  void erase_one(Map& map) {
    if (!map.empty()) map.erase(std::next(map.begin(), static_cast<std::ptrdiff_t>(pick(map.size()))));
  }
  template <class T>
  static std::vector<T> values(const std::map<ObjectKey, T>& map) {
    std::vector<T> all;
    for (const auto& [key, value] : map) all.push_back(value);
    return all;
  }
  void tamper() {
    if (stored_.empty()) return;
    auto& [key, object] = *std::next(stored_.begin(), static_cast<std::ptrdiff_t>(pick(stored_.size())));
    switch (pick(6)) {
      case 0:
        object.status = kCreated;
        break;
      case 1:
        object.status = kUnassigned;
        break;
      case 2:
        object.meta.labels.clear();
        break;
      case 3:
        object.meta.finalizers.clear();
        break;
      case 4:
        object.meta.deletion_timestamp = "2026-01-01T00:00:00Z";
        break;
      case 5:
        object.identity.client_id = ClientId("forged");
        break;
    }
  }

  std::mt19937 random_;
  int version_ = 0;
  std::map<ObjectKey, Pod> pods_;
  std::map<ObjectKey, AzureIdentity> identities_;
  std::map<ObjectKey, AzureIdentityBinding> bindings_;
  std::map<ObjectKey, AzureAssignedIdentity> stored_;
};

TEST(PlanProperty, OnePlanLeadsToTheDesiredState) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int round = 0; round < 40; ++round) {
      for (int i = 0; i < 3; ++i) world.change();
      const auto desired = world.desired(false);
      ASSERT_EQ(desired, world.desired(true)) << "order of the inputs";
      const auto steps = plan(world.stored(false), desired);
      ASSERT_EQ(steps, plan(world.stored(true), desired)) << "order of what is stored";

      if (world.interrupts()) {  // the process dies half-way; the successor plans afresh
        for (std::size_t i = 0; i < steps.size() / 2; ++i) world.apply(steps[i], true);
        for (const Step& step : plan(world.stored(false), desired)) world.apply(step, false);
      } else {
        for (const Step& step : steps) world.apply(step, false);
      }
      const auto stored = world.stored(false);
      ASSERT_TRUE(plan(stored, desired).empty()) << "a second plan must find nothing to do";
      ASSERT_EQ(stored.size(), desired.size());
      for (const AzureAssignedIdentity& object : stored) {
        const auto wanted = std::ranges::find(desired, key_of(object), key_of);
        ASSERT_NE(wanted, desired.end());
        ASSERT_TRUE(matches(object, *wanted));
        ASSERT_TRUE(is_validly_named(object)) << object.meta.name << ": the NMI would not believe it";
      }
    }
  }
}

// SEC-3: whatever is written in other namespaces, a pod with rules of its own gets what it would get without them.
TEST(PlanProperty, OtherNamespacesDoNotChangeWhatAPodGets) {
  std::size_t contested = 0;
  for (unsigned seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int round = 0; round < 40; ++round) {
      for (int i = 0; i < 3; ++i) world.change();
      const auto desired = world.desired(false);
      for (const Step& step : plan(world.stored(false), desired)) world.apply(step, false);
      std::map<std::pair<std::string, std::string>, std::vector<AzureAssignedIdentity>> by_pod;
      for (const AzureAssignedIdentity& object : world.stored(false)) {
        by_pod[{object.pod_namespace, object.pod}].push_back(object);
      }
      for (const auto& [pod, objects] : by_pod) {
        const auto decide_among = [&pod](const std::vector<const AzureAssignedIdentity*>& assigned) {
          DecisionInput input;
          input.pod_namespace = pod.first;
          input.pod_name = pod.second;
          input.assigned = assigned;
          return decide(input, nullptr).identity;
        };
        std::vector<const AzureAssignedIdentity*> all;
        std::vector<const AzureAssignedIdentity*> own;
        for (const AzureAssignedIdentity& object : objects) {
          all.push_back(&object);
          if (object.identity.meta.ns == pod.first) own.push_back(&object);
        }
        if (own.empty()) continue;
        if (own.size() != all.size()) ++contested;
        ASSERT_EQ(decide_among(all), decide_among(own)) << pod.first << "/" << pod.second;
      }
    }
  }
  EXPECT_GT(contested, 20u) << "the histories must contain the case";
}

}  // namespace
}  // namespace podid::core
