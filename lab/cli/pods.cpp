// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/pods.hpp"

#include <boost/json.hpp>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/run_blocking.hpp"
#include "kube/client.hpp"
#include "net/http_client.hpp"

namespace podid::lab::cli {
namespace {

namespace json = boost::json;
constexpr std::chrono::seconds kPodPatience{60};
constexpr std::chrono::milliseconds kPollInterval{20};
constexpr std::chrono::seconds kCallTimeout{20};

json::object pod_object(const PodRequest& request) {
  json::object labels;
  for (const auto& [key, value] : request.labels) labels[key] = value;
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", request.name}, {"namespace", request.ns}, {"labels", std::move(labels)}}},
          {"spec",
           {{"nodeName", request.node},
            {"hostNetwork", request.host_network},
            {"containers", json::array{json::object{{"name", "main"}, {"image", "lab.invalid/none"}}}}}}};
}

base::Task<base::Result<>> ensure_namespace(kube::Client& client, std::string name) {
  json::value object = json::object{{"metadata", {{"name", name}}}};
  auto created =
      co_await client.create(kube::kNamespaces, std::move(object), net::Deadline::in(client.clock(), kCallTimeout));
  if (!created && created.error().kind != base::ErrorKind::already_exists) co_return std::unexpected(created.error());
  co_return base::Result<>{};
}

base::Task<base::Result<>> add(kube::Client& client, base::Clock& clock, PodRequest request) {
  auto ready = co_await ensure_namespace(client, request.ns);
  if (!ready) co_return ready;
  auto created =
      co_await client.create(kube::kPods, pod_object(request), net::Deadline::in(client.clock(), kCallTimeout));
  if (!created) co_return std::unexpected(created.error());
  const auto deadline = clock.steady_now() + kPodPatience;
  while (clock.steady_now() < deadline) {
    const kube::ObjectKey key{request.ns, request.name};
    auto pod = co_await client.get(kube::kPods, key, net::Deadline::in(client.clock(), kCallTimeout));
    if (!pod) co_return std::unexpected(pod.error());
    if (base::text_at(*pod, {"status", "phase"}) == "Running") co_return base::Result<>{};
    co_await clock.sleep_for(kPollInterval);
  }
  co_return base::fail(base::ErrorKind::timeout,
                       "pod " + request.ns + "/" + request.name + " does not run: is its node \"" + request.node +
                           "\" one of the lab's? See logs/node-agent.log in the lab's folder");
}

base::Task<base::Result<>> remove(kube::Client& client, base::Clock& clock, PodRequest request) {
  const kube::ObjectKey key{request.ns, request.name};
  auto removed = co_await client.remove(kube::kPods, key, {}, net::Deadline::in(client.clock(), kCallTimeout));
  if (!removed) co_return std::unexpected(removed.error());
  const auto deadline = clock.steady_now() + kPodPatience;
  while (clock.steady_now() < deadline) {
    auto pod = co_await client.get(kube::kPods, key, net::Deadline::in(client.clock(), kCallTimeout));
    if (!pod && pod.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};
    if (!pod) co_return std::unexpected(pod.error());
    co_await clock.sleep_for(kPollInterval);
  }
  co_return base::fail(base::ErrorKind::timeout, "pod " + key.to_string() + " is still there");
}

using Verb = base::Task<base::Result<>> (*)(kube::Client&, base::Clock&, PodRequest);

base::Task<base::Result<>> with_client(std::string kubeconfig, PodRequest request, Verb verb) {
  auto config = kube::load_cluster_config(kubeconfig);
  if (!config) co_return std::unexpected(config.error());
  base::RealClock clock;
  base::SystemRandom random;
  const base::Executor executor = co_await base::asio::this_coro::executor;
  auto client =
      kube::Client::make(executor, net::http_over_sockets(clock), *config, {.user_agent = "podid-lab"}, clock, random);
  if (!client) co_return std::unexpected(client.error());
  auto done = co_await verb(**client, clock, std::move(request));
  co_return done;
}

}  // namespace

base::Result<> add_pod_and_wait(const std::string& kubeconfig, const PodRequest& request) {
  return base::run_blocking(with_client(kubeconfig, request, &add));
}

base::Result<> remove_pod_and_wait(const std::string& kubeconfig, const PodRequest& request) {
  return base::run_blocking(with_client(kubeconfig, request, &remove));
}

}  // namespace podid::lab::cli
