// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain_verb.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/run_blocking.hpp"
#include "cli/show/explain.hpp"
#include "cli/show/explain_objects.hpp"
#include "kube/client.hpp"
#include "net/http_client.hpp"

namespace podid::cli {

struct ExplainVerb::Settings {
  std::string kubeconfig;
  kube::ObjectKey pod;
  ExplainRequest request;
  std::string mode = "standard";
  std::string policy = "auto";
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
  add_id_option(*pod, "--client-id", s.request.client_id, "As if the application asked for this client ID");
  add_id_option(*pod, "--resource-id", s.request.resource_id, "As if it asked for this resource ID");
  add_id_option(*pod, "--object-id", s.request.object_id, "As if it asked for this object ID");
  pod->add_option("--kubeconfig", s.kubeconfig,
                  "kubeconfig file; without one, the service account of the pod we run in")
      ->envname("KUBECONFIG");
  pod->add_option("--mode", s.mode, "The NMI's --operation-mode: standard or managed")
      ->check(CLI::IsMember({"standard", "managed"}))
      ->capture_default_str();
  pod->add_flag("--force-namespaced", s.request.namespaced, "The NMI runs with --forceNamespaced");
  pod->add_option(
         "--identity-policy", s.policy,
         "The programs' --identity-policy: off or enforce; auto: enforce where there is an AzureIdentityPolicy "
         "default")
      ->check(CLI::IsMember({"auto", "off", "enforce"}))
      ->capture_default_str();
  pod->add_option("--mic-namespace", s.request.mic_namespace,
                  "The NMI's --MICNamespace; empty: it runs with --mic-short-circuit=false")
      ->capture_default_str();
  pod->add_option("--mic-service-account", s.request.mic_service_accounts,
                  "The NMI's --mic-service-account; none: its default");
  pod->add_option("--controller-identity", s.request.controller_identity, "The NMI's --controller-identity");
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
  if (settings_->mode == "managed") settings_->request.mode = core::OperationMode::managed;
  PodObjects objects;
  PolicyReading reading = PolicyReading::if_there;
  if (settings_->policy == "off") reading = PolicyReading::none;
  if (settings_->policy == "enforce") reading = PolicyReading::needed;
  auto read = base::run_blocking(read_into(objects, *config, pod, reading));
  if (!read) return failed(read.error());
  const bool enforced = reading == PolicyReading::needed || objects.has_policy;
  settings_->request.policy = core::IdentityPolicyMode{enforced};
  const Explanation explanation = explain(objects, settings_->request, base::RealClock().wall_now());
  if (settings_->output == "json") {
    environment_.out << boost::json::serialize(to_json(explanation)) << "\n";
  } else {
    environment_.out << to_text(explanation);
  }
  return explanation.granted ? kOk : kFailed;
}

}  // namespace podid::cli
