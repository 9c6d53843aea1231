// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/node_agent.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/time_text.hpp"
#include "kube/config.hpp"
#include "lab/cluster/namespaces.hpp"
#include "net/http_client.hpp"

namespace podid::lab::cluster {
namespace {

namespace json = boost::json;
constexpr std::chrono::seconds kApiTimeout{20};

}  // namespace

base::Result<AgentPod> read_agent_pod(const json::value& object) {
  AgentPod pod;
  pod.key = kube::key_of(object);
  pod.uid = base::text_at(object, {"metadata", "uid"});
  pod.node = base::text_at(object, {"spec", "nodeName"});
  pod.address = base::text_at(object, {"status", "podIP"});
  pod.phase = base::text_at(object, {"status", "phase"});
  const json::value* containers = base::find_path(object, {"spec", "containers"});
  if (containers && containers->is_array()) {
    for (const json::value& container : containers->get_array())
      pod.containers.emplace_back(base::text_at(container, {"name"}));
  }
  const json::value* host_network = base::find_path(object, {"spec", "hostNetwork"});
  pod.host_network = host_network && host_network->is_bool() && host_network->get_bool();
  pod.deleting = !base::text_at(object, {"metadata", "deletionTimestamp"}).empty();
  return pod;
}

NodeAgent::NodeAgent(const Layout& layout, kube::Client& client, base::Clock& clock)
    : layout_(layout),
      client_(client),
      clock_(clock),
      pods_(client, {.type = kube::kPods, .ns = {}, .label_selector = {}, .field_selector = {}}, read_agent_pod,
            {.on_added = [this](const Pod& pod) { mark(pod->key); },
             .on_updated = [this](const Pod&, const Pod& pod) { mark(pod->key); },
             .on_deleted = [this](const Pod& pod) { mark(pod->key); },
             .on_synced = [this] { remove_orphans(); },
             .on_invalid = {}}),
      wake_(client.executor()),
      tasks_(client.executor()) {}

void NodeAgent::start() {
  pods_.start();
  tasks_.spawn("node agent", work());
}

base::Task<> NodeAgent::stop() {
  co_await pods_.stop();
  tasks_.stop();
  co_await tasks_.join();
}

void NodeAgent::mark(const kube::ObjectKey& key) {
  marked_.insert(key);
  wake_.notify();
}

base::Task<> NodeAgent::work() {
  while (true) {
    while (marked_.empty()) co_await wake_.wait();
    const kube::ObjectKey key = *marked_.begin();
    marked_.erase(marked_.begin());
    auto reconciled = co_await reconcile(key);
    if (!reconciled) {
      base::log::warning("pod not settled yet", {{"pod", key.to_string()}, {"error", reconciled.error()}});
      tasks_.spawn("retry", retry_later(key));
    }
  }
}

base::Task<> NodeAgent::retry_later(kube::ObjectKey key) {
  co_await clock_.sleep_for(kRetryDelay);
  mark(key);
}

base::Task<base::Result<>> NodeAgent::reconcile(const kube::ObjectKey& key) {
  const Pod pod = pods_.find(key.ns, key.name);
  const auto made = made_for_.find(key);
  const bool replaced = pod && made != made_for_.end() && made->second != pod->uid;
  if (!pod || pod->deleting || replaced) {
    auto down = co_await take_down(key);
    if (!down) co_return down;
  }
  if (!pod) co_return base::Result<>{};
  if (pod->deleting) {
    // The node's agreement, which a graceful deletion waits for.
    kube::RemoveOptions options;
    options.uid = pod->uid;
    options.grace_period_seconds = 0;
    auto removed = co_await client_.remove(kube::kPods, key, options, net::Deadline::in(clock_, kApiTimeout));
    if (!removed && removed.error().kind != base::ErrorKind::not_found) co_return std::unexpected(removed.error());
    co_return base::Result<>{};
  }
  const NodeLayout* node = layout_.find_node(pod->node);
  if (!node || made_for_.contains(key)) co_return base::Result<>{};
  auto up = co_await bring_up(*pod, *node);
  co_return up;
}

base::Task<base::Result<>> NodeAgent::bring_up(const AgentPod& pod, const NodeLayout& node) {
  std::string address = node.address;
  if (!pod.host_network) {
    auto claimed = claim_address(pod.key, node, pod.address);
    if (!claimed) co_return std::unexpected(claimed.error());
    address = *claimed;
    const std::string name_space = layout_.pod_namespace(pod.key.ns, pod.key.name);
    // After a restart of the agent the namespace of a running pod is still there, with processes in it.
    if (!namespace_exists(name_space)) {
      auto made = co_await make_pod(layout_, node, name_space, address);
      if (!made) {
        auto undone = co_await take_down(pod.key);
        if (!undone) co_return base::fail(std::move(undone.error()), made.error().message);
        co_return made;
      }
    }
  }
  made_for_[pod.key] = pod.uid;
  if (pod.phase == "Running" && pod.address == address) co_return base::Result<>{};
  auto reported = co_await report_running(pod, node, address);
  if (!reported) made_for_.erase(pod.key);
  co_return reported;
}

base::Task<base::Result<>> NodeAgent::take_down(const kube::ObjectKey& key) {
  const std::string name_space = layout_.pod_namespace(key.ns, key.name);
  auto removed = co_await remove_namespace(name_space);
  if (!removed) co_return removed;
  made_for_.erase(key);
  std::erase_if(addresses_, [&](const auto& entry) { return entry.second == key; });
  co_return base::Result<>{};
}

base::Task<base::Result<>> NodeAgent::report_running(const AgentPod& pod, const NodeLayout& node, std::string address) {
  const std::string now = base::format_rfc3339(clock_.wall_now());
  json::array containers;
  for (const std::string& name : pod.containers) {
    containers.push_back({{"name", name},
                          {"image", ""},
                          {"imageID", ""},
                          {"ready", true},
                          {"started", true},
                          {"restartCount", 0},
                          {"state", {{"running", {{"startedAt", now}}}}}});
  }
  kube::Patch patch;
  patch.type = kube::PatchType::merge;
  patch.subresource = "status";
  patch.body = {{"metadata", {{"uid", pod.uid}}},
                {"status",
                 {{"phase", "Running"},
                  {"podIP", address},
                  {"podIPs", json::array{json::object{{"ip", address}}}},
                  {"hostIP", node.address},
                  {"startTime", now},
                  {"containerStatuses", std::move(containers)},
                  {"conditions",
                   json::array{json::object{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", now}}}}}}};
  auto patched = co_await client_.patch(kube::kPods, pod.key, std::move(patch), net::Deadline::in(clock_, kApiTimeout));
  if (!patched) co_return base::fail(std::move(patched.error()), "reporting the pod as running");
  co_return base::Result<>{};
}

base::Result<std::string> NodeAgent::claim_address(const kube::ObjectKey& key, const NodeLayout& node,
                                                   const std::string& wanted) {
  const auto is_free = [&](const std::string& address) {
    const auto taken = addresses_.find(address);
    return taken == addresses_.end() || taken->second == key;
  };
  if (!wanted.empty() && is_free(wanted)) {
    addresses_[wanted] = key;
    return wanted;
  }
  for (int slot = 0; slot < kPodSlots; ++slot) {
    std::string address = node.pod_address(slot);
    if (is_free(address)) {
      addresses_[address] = key;
      return address;
    }
  }
  return base::fail(base::ErrorKind::unavailable,
                    "no free pod address on " + node.name + ": it runs " + std::to_string(kPodSlots) + " pods");
}

void NodeAgent::remove_orphans() {
  std::set<std::string> wanted;
  pods_.for_each([&](const Pod& pod) {
    wanted.insert(layout_.pod_namespace(pod->key.ns, pod->key.name));
    // Addresses of running pods are theirs before any new pod gets one.
    if (!pod->address.empty() && !pod->host_network) addresses_.emplace(pod->address, pod->key);
  });
  const std::string prefix = layout_.namespace_prefix() + "p-";
  for (const std::string& name : list_namespaces(layout_)) {
    if (!name.starts_with(prefix) || wanted.contains(name)) continue;
    const auto separator = name.find('_', prefix.size());
    if (separator == std::string::npos) continue;
    mark({name.substr(prefix.size(), separator - prefix.size()), name.substr(separator + 1)});
  }
}

base::Result<> run_node_agent(const Layout& layout, const std::string& kubeconfig) {
  auto config = kube::load_cluster_config(kubeconfig);
  if (!config) return std::unexpected(config.error());
  base::asio::io_context io(1);
  base::RealClock clock;
  base::SystemRandom random;
  auto client = kube::Client::make(io.get_executor(), net::http_over_sockets(clock), *config,
                                   {.user_agent = "podid-lab-node-agent"}, clock, random);
  if (!client) return std::unexpected(client.error());
  NodeAgent agent(layout, **client, clock);
  agent.start();
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code, int) {
    boost::asio::co_spawn(io.get_executor(), agent.stop(), boost::asio::detached);
  });
  io.run();
  return {};
}

}  // namespace podid::lab::cluster
