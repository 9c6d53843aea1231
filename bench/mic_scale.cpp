// SPDX-License-Identifier: Apache-2.0
// Question: how much does the controller itself cost per assignment, and does that cost grow with the cluster?
// Faked: API server and Azure answer at once, from memory (tests/mic/control/fakes.hpp). So this is the controller's own work: its
// indexes, plans, queue and coroutines. The floor of mic.md §6.1: 20 000 pods on one node within 2 minutes, half of them
// removed within 10 s.
//   mic_scale [PODS] [NODES]
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "core/model/naming.hpp"
#include "mic/control/controller.hpp"
#include "mic/control/fakes.hpp"
#include "support/seeded_random.hpp"
#include "zones/time_zones.hpp"

namespace {

using namespace podid;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long peak_mebibytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

class Bench {
 public:
  Bench(int pods, int nodes) : pods_(pods), nodes_(nodes) {
    options_.writes_per_target = 4;
    options_.azure.timing = {.max_age = std::chrono::minutes(3),
                             .first_retry = std::chrono::seconds(5),
                             .last_retry = std::chrono::minutes(10),
                             .first_bad_delay = std::chrono::minutes(1),
                             .last_bad_delay = std::chrono::minutes(60)};
    controller_.emplace(options_, mic::ControllerDependencies{.executor = io_.get_executor(),
                                                              .clock = clock_,
                                                              .random = random_,
                                                              .zones = zones_.lookup(),
                                                              .assigned = api_,
                                                              .identities = azure_,
                                                              .record = [](const kube::EventKey&) {},
                                                              .on_access = [](const core::ObjectKey&) {},
                                                              .metrics = metrics_});
  }

  void run() {
    fill();
    measure("all pods get their identity", pods_, [this] {
      for (int i = 0; i < pods_; ++i) controller_->put(std::make_shared<const core::Pod>(pod(i)));
    });
    measure("a pod more, and another, 100 times", 100, [this] {
      for (int i = 0; i < 100; ++i) {
        controller_->put(std::make_shared<const core::Pod>(pod(pods_ + i)));
        settle();
      }
    });
    measure("half of the pods go", pods_ / 2, [this] {
      for (int i = 0; i < pods_ / 2; ++i) controller_->erase_pod(pod(i).key());
    });
    measure("a full pass over the rest, nothing to do", pods_ / 2,
            [this] { controller_->reconfigure(options_.compute_defaults, options_.immutable, options_.cluster); });
    std::cout << fmt::format("peak memory: {} MiB (the fakes' copies included)\n", peak_mebibytes());
    finish();
  }

 private:
  void fill() {
    for (int i = 0; i < nodes_; ++i) {
      core::Node node;
      node.name = fmt::format("node-{}", i);
      node.provider_id =
          fmt::format("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-{}", i);
      controller_->put(node);
    }
    core::AzureIdentity identity;
    identity.meta.name = "id";
    identity.meta.ns = "default";
    identity.meta.resource_version = "1";
    identity.resource_id = core::ResourceId(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one");
    identity.client_id = core::ClientId("client");
    controller_->put(std::move(identity));
    core::AzureIdentityBinding binding;
    binding.meta.name = "b";
    binding.meta.ns = "default";
    binding.meta.resource_version = "2";
    binding.azure_identity = "id";
    binding.selector = "app";
    controller_->put(std::move(binding));
    controller_->start();
    settle();
  }

  core::Pod pod(int number) const {
    core::Pod pod;
    pod.name = fmt::format("web-{}", number);
    pod.ns = "default";
    pod.uid = fmt::format("uid-{}", number);
    pod.labels.emplace(core::kBindingLabel, "app");
    pod.node_name = fmt::format("node-{}", number % nodes_);
    return pod;
  }

  void settle() {
    for (;;) {
      io_.restart();
      io_.poll();
      const auto event = api_.next_event();
      if (!event) return;
      if (event->deleted) {
        controller_->erase(*event->object);
      } else {
        controller_->put(event->object);
      }
    }
  }

  template <class Change>
  void measure(const char* what, int count, const Change& change) {
    const int writes = api_.writes;
    const int calls = azure_.calls;
    const double cpu = cpu_seconds();
    const auto began = std::chrono::steady_clock::now();
    change();
    settle();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << fmt::format("{:42} {:6.2f} s, {:7.1f} µs CPU each, {} writes, {} Azure requests\n", what, took.count(),
                             (cpu_seconds() - cpu) * 1e6 / std::max(1, count), api_.writes - writes,
                             azure_.calls - calls);
  }

  static base::Task<> stop(mic::Controller& controller) {
    controller.cancel();
    co_await controller.drain();
  }

  void finish() {
    bool done = false;
    base::asio::co_spawn(io_, stop(*controller_), [&done](const std::exception_ptr&) { done = true; });
    while (!done) {
      io_.restart();
      io_.run_one();
    }
    controller_.reset();
  }

  const int pods_;
  const int nodes_;
  base::asio::io_context io_;
  base::RealClock clock_;
  test::SeededRandom random_;
  zones::TimeZones zones_;
  base::MetricsRegistry registry_;
  mic::MicMetrics metrics_{registry_};
  test::FakeAssignedApi api_;
  test::FakeAzure azure_{io_.get_executor()};
  mic::ControllerOptions options_;
  std::optional<mic::Controller> controller_;
};

int argument(int argc, char** argv, int at, int otherwise) {
  const auto value = argc > at ? base::parse_number<int>(argv[at]) : std::nullopt;
  return value && *value > 0 ? *value : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int pods = argument(argc, argv, 1, 20'000);
  const int nodes = argument(argc, argv, 2, 1);
  std::cout << fmt::format("{} pods on {} node(s), one binding, 4 writes in flight per node\n", pods, nodes);
  Bench(pods, nodes).run();
}
