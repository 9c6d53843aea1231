// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain_verb.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <string>

#include "base/run_blocking.hpp"
#include "cli/common/cluster.hpp"
#include "cli/show/explain.hpp"
#include "cli/show/explain_objects.hpp"
#include "cli/show/mode_options.hpp"

namespace podid::cli {

struct ExplainVerb::Settings {
  ClusterOptions cluster;
  std::string pod;
  ModeOptions mode;
  std::string output = "table";
};

namespace {

struct Seen {
  PodObjects objects;
  base::WallTime now;
};

base::Task<base::Result<>> look(const ClusterOptions& options, std::string name, PolicyReading policy, Seen& seen) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  kube::ObjectKey pod{.ns = (*cluster)->ns(), .name = std::move(name)};
  auto read = co_await read_pod_objects(**cluster, std::move(pod), policy);
  if (!read) co_return std::unexpected(std::move(read.error()));
  seen.objects = std::move(*read);
  seen.now = (*cluster)->now();
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
  pod->add_option("name", s.pod, "Name of the pod")->required();
  add_cluster_options(*pod, s.cluster);
  add_id_option(*pod, "--client-id", s.mode.request.client_id, "As if the application asked for this client ID");
  add_id_option(*pod, "--resource-id", s.mode.request.resource_id, "As if it asked for this resource ID");
  add_id_option(*pod, "--object-id", s.mode.request.object_id, "As if it asked for this object ID");
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
  const Settings& s = *settings_;
  Seen seen;
  const auto done = base::run_blocking(look(s.cluster, s.pod, s.mode.policy_reading(), seen));
  if (!done) {
    environment_.err << "podid: " << done.error().message << "\n";
    return kFailed;
  }
  const Explanation explanation = explain(seen.objects, s.mode.chosen(seen.objects.has_policy), seen.now);
  if (s.output == "json") {
    environment_.out << boost::json::serialize(to_json(explanation)) << "\n";
  } else {
    environment_.out << to_text(explanation);
  }
  return explanation.granted ? kOk : kFailed;
}

}  // namespace podid::cli
