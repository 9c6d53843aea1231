// SPDX-License-Identifier: Apache-2.0
// Random histories of pods, with watch gaps and relists, against a model: never a token of a pod that is not the
// caller.
#include <gtest/gtest.h>

#include <map>

#include "nmi/pods/snapshot_builder.hpp"
#include "support/seeded_random.hpp"
#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

constexpr int kAddresses = 6;
constexpr int kNames = 8;
constexpr int kSteps = 400;
constexpr int kHistories = 60;

using Pods = std::map<std::string, core::Pod>;

std::string address_text(std::size_t n) {
  return n % 2 == 0 ? "10.0.0." + std::to_string(n) : "fd00::" + std::to_string(n);
}

// What the API server holds, changed at random.
class Cluster {
 public:
  explicit Cluster(std::uint64_t seed) : random_(seed) {}

  void step() {
    const std::string name = "pod-" + std::to_string(random_.below(kNames));
    const auto found = pods_.find(name);
    if (found == pods_.end()) {
      core::Pod pod = test::make_pod("ns", name);
      pod.uid = "uid-" + std::to_string(++uids_);
      pod.phase = "Pending";
      pod.host_network = random_.below(8) == 0;
      pods_[name] = pod;
      return;
    }
    core::Pod& pod = found->second;
    switch (random_.below(6)) {
      case 0:
      case 1:
        pod.pod_ips = {address_text(random_.below(kAddresses))};
        if (random_.below(3) == 0) pod.pod_ips.push_back(address_text(random_.below(kAddresses)));
        pod.phase = "Running";
        break;
      case 2:
        pod.deletion_timestamp = "2027-01-15T08:00:30Z";
        break;
      case 3:
        pod.phase = random_.below(2) == 0 ? "Succeeded" : "Failed";
        break;
      default:
        pods_.erase(found);
    }
  }
  bool chance(std::size_t one_in) { return random_.below(one_in) == 0; }
  const Pods& pods() const { return pods_; }

 private:
  test::SeededRandom random_;
  Pods pods_;
  int uids_ = 0;
};

// What an informer makes of it: the differences between what it knew and what is, in its own order.
void catch_up(SnapshotBuilder& builder, Pods& known, const Pods& now) {
  for (auto old = known.begin(); old != known.end();) {
    const auto current = now.find(old->first);
    if (current == now.end() || current->second.uid != old->second.uid) {
      builder.remove(old->second);
      old = known.erase(old);
    } else {
      ++old;
    }
  }
  for (const auto& [name, pod] : now) {
    const auto old = known.find(name);
    if (old != known.end() && old->second == pod) continue;
    builder.put(std::make_shared<const core::Pod>(pod));
    known[name] = pod;
  }
}

bool may_own(const core::Pod& pod, const std::string& address) {
  return !pod.host_network && (pod.phase == "Pending" || pod.phase == "Running") &&
         std::ranges::find(pod.pod_ips, address) != pod.pod_ips.end();
}

void check(const Snapshot& snapshot, const Pods& model) {
  for (std::size_t n = 0; n < kAddresses; ++n) {
    const std::string address = address_text(n);
    std::vector<std::string> living, terminating;
    for (const auto& [name, pod] : model) {
      if (!may_own(pod, address)) continue;
      (pod.deleting() ? terminating : living).push_back(pod.uid);
    }
    const std::vector<std::string>& owners = living.empty() ? terminating : living;
    const PodAtAddress& at = snapshot.at(*AddressKey::parse(address));
    if (owners.size() == 1) {
      ASSERT_TRUE(at.entry) << address;
      ASSERT_EQ(at.entry->pod->uid, owners.front()) << address;
    } else {
      ASSERT_FALSE(at.entry) << address;
      ASSERT_EQ(at.whose == Whose::ambiguous, owners.size() > 1) << address;
    }
  }
}

TEST(PodAddressProperty, OnlyTheOneOwnerOfAnAddressIsServed) {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE(seed);
    Cluster cluster(seed);
    SnapshotBuilder builder({});
    Pods known;
    PodEntryPtr in_flight;  // of a request that was let in some time ago
    std::string in_flight_address;
    for (int step = 0; step < kSteps; ++step) {
      cluster.step();
      // A gap: several changes are seen as one, as after a relist.
      if (!cluster.chance(3)) continue;
      catch_up(builder, known, cluster.pods());
      const SnapshotPtr snapshot = builder.build();
      check(*snapshot, known);
      if (HasFatalFailure()) return;
      if (in_flight) {
        const PodEntryPtr& now = snapshot->at(*AddressKey::parse(in_flight_address)).entry;
        const auto same = std::ranges::find_if(known, [&](const auto& pod) {
          return pod.second.uid == in_flight->pod->uid && may_own(pod.second, in_flight_address);
        });
        // The uid is what the request path compares before it answers.
        if (same == known.end()) {
          ASSERT_TRUE(!now || now->pod->uid != in_flight->pod->uid);
        }
      }
      in_flight_address = address_text(static_cast<std::size_t>(step) % kAddresses);
      in_flight = snapshot->at(*AddressKey::parse(in_flight_address)).entry;
    }
  }
}

}  // namespace
}  // namespace podid::nmi
