// SPDX-License-Identifier: Apache-2.0
#include "cli/version_verb.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/run_blocking.hpp"
#include "base/version.hpp"
#include "cli/common/cluster.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {

struct VersionVerb::Settings {
  ClusterOptions cluster;
  OutputForm output = OutputForm::table;
  bool client_only = false;
};

static base::Task<base::Result<>> ask_version(const ClusterOptions& options, std::string& version) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  version = (*cluster)->version();
  co_return base::Result<>{};
}

VersionVerb::~VersionVerb() = default;

VersionVerb::VersionVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  CLI::App* verb = app.add_subcommand("version", "Version of this program and of the cluster's Kubernetes");
  verb->add_flag("--client", settings_->client_only, "Ask no cluster");
  add_cluster_options(*verb, settings_->cluster);
  add_output_option(*verb, settings_->output);
  verb->footer("Example:\n  podid version --client -o json");
  verb->callback([this, &status] { status = print(); });
}

int VersionVerb::print() {
  std::string kubernetes;
  base::Result<> asked;
  if (!settings_->client_only) asked = base::run_blocking(ask_version(settings_->cluster, kubernetes));
  boost::json::object document{{"schema", "podid.version/v1"}, {"client", base::version()}};
  if (!kubernetes.empty()) document["kubernetes"] = kubernetes;
  if (settings_->output == OutputForm::json || settings_->output == OutputForm::yaml) {
    environment_.out << written_as(settings_->output, document);
  } else {
    environment_.out << "podid       " << base::version() << "\n";
    if (!kubernetes.empty()) environment_.out << "kubernetes  " << kubernetes << "\n";
  }
  return asked ? kOk : report(environment_, asked.error());
}

}  // namespace podid::cli
