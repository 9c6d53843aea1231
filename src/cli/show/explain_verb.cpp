// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain_verb.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/run_blocking.hpp"
#include "cli/common/access_objects.hpp"
#include "cli/common/cluster.hpp"
#include "cli/show/explain.hpp"
#include "cli/show/explain_objects.hpp"
#include "cli/show/mode_options.hpp"
#include "core/matching.hpp"
#include "kube/client.hpp"
#include "net/http_client.hpp"

namespace podid::cli {

struct ExplainVerb::Settings {
  std::string kubeconfig;
  kube::ObjectKey pod;
  ModeOptions mode;
  std::string output = "table";
};

namespace {

base::Task<base::Result<>> read_into(PodObjects& objects, const kube::ClusterConfig& config, kube::ObjectKey pod,
                                     PolicyReading policy) {
  base::RealClock clock;
  base::SystemRandom random;
  const base::Executor executor = co_await base::asio::this_coro::executor;
  auto client = kube::Client::make(executor, net::http_over_sockets(clock), config, {.user_agent = "podid-explain"},
                                   clock, random);
  if (!client) co_return std::unexpected(std::move(client.error()));
  auto read = co_await read_pod_objects(**client, std::move(pod), policy);
  if (!read) co_return std::unexpected(std::move(read.error()));
  objects = std::move(*read);
  co_return base::Result<>{};
}

bool is_limited(const PodObjects& objects) {
  return std::ranges::any_of(objects.bindings, [&objects](const core::AzureIdentityBinding& binding) {
    return binding.access && core::selects(binding, objects.pod);
  });
}

// What decides on limited bindings: the grants, and the API server's time.
struct AccessSeen {
  std::shared_ptr<const core::GrantBook> grants;
  base::WallTime now;
};

base::Task<base::Result<>> read_access(std::string kubeconfig, AccessSeen& seen, std::vector<std::string>& unreadable) {
  const ClusterOptions options{.kubeconfig = std::move(kubeconfig), .context = {}, .ns = {}};
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(std::move(cluster.error()));
  auto access = co_await read_access_objects(**cluster, "");
  seen.now = (*cluster)->now();
  if (!access) {
    unreadable.push_back("azureidentitygrants: " + access.error().message);
    co_return base::Result<>{};
  }
  unreadable.insert(unreadable.end(), access->unreadable.begin(), access->unreadable.end());
  seen.grants = std::make_shared<const core::GrantBook>(std::move(access->grants));
  co_return base::Result<>{};
}

// CLI11 fills text alone.
template <class Id>
void add_id_option(CLI::App& verb, const std::string& name, Id& id, const std::string& help) {
  verb.add_option_function<std::string>(name, [&id](const std::string& text) { id = Id(text); }, help);
}

}  // namespace

ExplainVerb::~ExplainVerb() = default;

ExplainVerb::ExplainVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  Settings& s = *settings_;
  CLI::App* verb = app.add_subcommand("explain", "Why something is allowed or refused");
  verb->require_subcommand(1);
  CLI::App* pod = verb->add_subcommand(
      "pod", "Whether a pod gets a token, and why: every check with the object that it looked at and what to change");
  pod->add_option("name", s.pod.name, "Name of the pod")->required();
  pod->add_option("-n,--namespace", s.pod.ns, "Namespace of the pod; default: the kubeconfig's");
  add_id_option(*pod, "--client-id", s.mode.request.client_id, "As if the application asked for this client ID");
  add_id_option(*pod, "--resource-id", s.mode.request.resource_id, "As if it asked for this resource ID");
  add_id_option(*pod, "--object-id", s.mode.request.object_id, "As if it asked for this object ID");
  pod->add_option("--kubeconfig", s.kubeconfig,
                  "kubeconfig file; without one, the service account of the pod we run in")
      ->envname("KUBECONFIG");
  add_mode_options(*pod, s.mode);
  pod->add_option("-o,--output", s.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  pod->footer(
      "Examples:\n"
      "  podid explain pod web-0 -n shop\n"
      "  podid explain pod web-0 -n shop --client-id 11111111-2222-3333-4444-555555555555 -o json\n"
      "Exit status: 0 the pod gets a token, 1 it is refused or nothing could be found out, 2 usage");
  pod->callback([this, &status] { status = explain_pod(); });
}

int ExplainVerb::explain_pod() {
  const auto failed = [this](const base::Error& error) {
    environment_.err << "podid: " << error.message << "\n";
    return kFailed;
  };
  auto config = kube::load_cluster_config(settings_->kubeconfig);
  if (!config) return failed(config.error());
  kube::ObjectKey pod = settings_->pod;
  if (pod.ns.empty()) pod.ns = config->default_namespace;
  PodObjects objects;
  auto read = base::run_blocking(read_into(objects, *config, pod, settings_->mode.policy_reading()));
  if (!read) return failed(read.error());
  ExplainRequest request = settings_->mode.chosen(objects.has_policy);
  base::WallTime now = base::RealClock().wall_now();
  if (is_limited(objects)) {
    AccessSeen seen;
    auto done = base::run_blocking(read_access(settings_->kubeconfig, seen, objects.unreadable));
    if (!done) return failed(done.error());
    request.grants = seen.grants;
    now = seen.now;
  }
  const Explanation explanation = explain(objects, request, now);
  if (settings_->output == "json") {
    environment_.out << boost::json::serialize(to_json(explanation)) << "\n";
  } else {
    environment_.out << to_text(explanation);
  }
  return explanation.granted ? kOk : kFailed;
}

}  // namespace podid::cli
