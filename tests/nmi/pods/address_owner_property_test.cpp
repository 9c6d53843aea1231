// SPDX-License-Identifier: Apache-2.0
// Random histories of a node whose kubelet tells the API server late, and of an NMI that hears the API server late: never a
// token of a pod that does not have the address at that moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "nmi/pods/address_doubt.hpp"
#include "nmi/pods/snapshot_builder.hpp"
#include "nmi/request/authorizer.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kAddresses = 4;
constexpr std::size_t kNames = 6;
constexpr int kSteps = 600;
constexpr int kHistories = 100;
// At most, from a pod's start to the API server's word of its address.
constexpr std::chrono::seconds kKubeletDelay{10};

std::string address_text(std::size_t n) { return "10.0.0." + std::to_string(n + 1); }

struct Pod {
  core::Pod told;                     // as the API server has it
  std::optional<std::size_t> really;  // the address that it has
  base::SteadyTime started{};         // when it got it
};

class Node {
 public:
  explicit Node(std::uint64_t seed) : random_(seed) {
    put(builder_, test::make_identity("ns", "reader"));
    put(builder_, test::make_binding("ns", "b", "reader"));
    builder_.set_complete();
    hear();
  }
  ~Node() { test::run_task(io_, doubt_.stop()); }

  void step() {
    clock_.advance(std::chrono::milliseconds(random_.below(2000)));
    for (auto& [uid, pod] : pods_) {
      if (pod.really && pod.told.pod_ips.empty() && clock_.steady_now() - pod.started >= kKubeletDelay) tell(pod);
    }
    switch (random_.below(8)) {
      case 0:
        schedule();
        break;
      case 1:
        start_one();
        break;
      case 2:
        if (Pod* pod = any([](const Pod& p) { return p.really && p.told.pod_ips.empty(); })) tell(*pod);
        break;
      case 3:
        if (Pod* pod = any([](const Pod& p) { return !p.told.deleting(); })) pod->told.deletion_timestamp = later();
        break;
      case 4:  // its containers have ended
        if (Pod* pod = any([](const Pod& p) { return p.told.deleting() && p.really; })) pod->really.reset();
        break;
      case 5:  // and the API server is told
        std::erase_if(
            pods_, [this](const auto& pod) { return pod.second.told.deleting() && !pod.second.really && chance(2); });
        break;
      case 6:
        hear();
        break;
      default:
        reachable_ = !reachable_ || chance(2);
    }
    io_.restart();
    io_.poll();
  }

  // Asks from every address that a pod has. How many got a token.
  int ask_all(Authorizer& authorizer) {
    int granted = 0;
    for (const auto& [uid, pod] : pods_) {
      if (!pod.really) continue;
      TokenCall call;
      call.peer = boost::asio::ip::make_address(address_text(*pod.really));
      call.start = clock_.steady_now();
      const Verdict verdict = authorizer.judge(call);
      if (verdict.kind != Verdict::Kind::granted || authorizer.changed_hands(call)) continue;
      EXPECT_EQ(call.entry->pod->uid, uid);
      ++granted;
    }
    return granted;
  }

  SnapshotSource source;
  test::FakeClock& clock() { return clock_; }

 private:
  bool chance(std::size_t one_in) { return random_.below(one_in) == 0; }
  std::string later() const { return "2027-01-16T08:00:00Z"; }
  template <class T>
  static void put(SnapshotBuilder& builder, T object) {
    builder.put(std::make_shared<const T>(std::move(object)));
  }
  template <class Wanted>
  Pod* any(Wanted wanted) {
    std::vector<Pod*> found;
    for (auto& [uid, pod] : pods_) {
      if (wanted(pod)) found.push_back(&pod);
    }
    return found.empty() ? nullptr : found[random_.below(found.size())];
  }

  void schedule() {
    const std::string name = "pod-" + std::to_string(random_.below(kNames));
    if (std::ranges::any_of(pods_, [&name](const auto& pod) { return pod.second.told.name == name; })) return;
    core::Pod pod = test::make_pod("ns", name);
    pod.uid = "uid-" + std::to_string(++uids_);
    pod.phase = "Pending";
    pods_[pod.uid].told = pod;
  }
  // Its interface comes before its first packet.
  void start_one() {
    Pod* pod = any([](const Pod& p) { return !p.really && p.told.pod_ips.empty() && !p.told.deleting(); });
    if (pod == nullptr) return;
    std::vector<std::size_t> free;
    for (std::size_t n = 0; n < kAddresses; ++n) {
      if (std::ranges::none_of(pods_, [n](const auto& other) { return other.second.really == n; })) free.push_back(n);
    }
    if (free.empty()) return;
    pod->really = free[random_.below(free.size())];
    pod->started = clock_.steady_now();
    doubt_.interface_appeared();
  }
  void tell(Pod& pod) {
    pod.told.pod_ips = {address_text(*pod.really)};
    pod.told.phase = "Running";
  }

  void hear() {
    for (auto known = known_.begin(); known != known_.end();) {
      if (pods_.contains(known->first)) {
        ++known;
      } else {
        builder_.remove(known->second);
        known = known_.erase(known);
      }
    }
    for (const auto& [uid, pod] : pods_) {
      put(builder_, pod.told);
      known_[uid] = pod.told;
    }
    source.publish(builder_.build());
    source.heard(clock_.steady_now());
  }
  // The API server's list against what was heard (ClusterWatch::confirm_pods).
  base::Task<base::Result<>> ask() {
    const bool same = known_.size() == pods_.size() && std::ranges::all_of(pods_, [this](const auto& pod) {
                        const auto known = known_.find(pod.first);
                        return known != known_.end() && known->second == pod.second.told;
                      });
    if (!same || !reachable_) co_return base::fail(base::ErrorKind::unavailable, "the watch is behind");
    co_return base::Result<>{};
  }

  test::SeededRandom random_;
  test::FakeClock clock_;
  SnapshotBuilder builder_{{.mode = core::OperationMode::managed}};
  std::map<std::string, Pod> pods_;         // by uid
  std::map<std::string, core::Pod> known_;  // to the NMI
  int uids_ = 0;
  bool reachable_ = true;  // the API server
  base::asio::io_context io_{1};
  AddressDoubt doubt_{io_.get_executor(), [this] { return ask(); }, source, clock_, random_};
};

TEST(AddressOwnerProperty, NobodyGetsATokenOfAPodThatHasNotTheAddress) {
  int granted = 0;
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE(seed);
    Node node(seed);
    base::MetricsRegistry metrics;
    AuthorizerOptions options;
    options.mode = core::OperationMode::managed;
    Authorizer authorizer(options, node.source, node.clock(), metrics);
    for (int step = 0; step < kSteps; ++step) {
      node.step();
      granted += node.ask_all(authorizer);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(granted, kHistories * kSteps / 10) << "tokens are given at all";
}

}  // namespace
}  // namespace podid::nmi
