// SPDX-License-Identifier: Apache-2.0
#include "cli/show/status_verb.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/run_blocking.hpp"
#include "cli/common/cluster.hpp"
#include "cli/common/output.hpp"
#include "cli/show/cluster_objects.hpp"
#include "cli/show/findings.hpp"
#include "cli/show/mode_options.hpp"
#include "cli/show/status.hpp"

namespace podid::cli {

struct StatusVerb::Settings {
  ClusterOptions cluster;
  ModeOptions mode;
  OutputForm output = OutputForm::table;
};

namespace {

struct Seen {
  std::vector<StatusRow> rows;
  Findings findings;
  std::vector<std::string> unreadable;
  base::WallTime now;
};

base::Task<base::Result<>> look(const ClusterOptions& options, const ModeOptions& mode, Seen& seen) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  auto objects = co_await read_cluster_objects(**cluster, (*cluster)->scope(), mode.policy_reading());
  if (!objects) co_return std::unexpected(objects.error());
  const auto issuances = co_await read_issuances(**cluster, (*cluster)->scope());
  seen.now = (*cluster)->now();
  seen.rows = status_rows(*objects, issuances, mode.chosen(objects->has_policy), seen.now);
  seen.findings = co_await find_problems(**cluster, objects->bindings, objects->access->grants.policies());
  seen.unreadable = std::move(objects->unreadable);
  co_return base::Result<>{};
}

}  // namespace

StatusVerb::~StatusVerb() = default;

StatusVerb::StatusVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  Settings& s = *settings_;
  CLI::App* verb = app.add_subcommand("status", "Pods, the identities that they get, and what is in the way");
  add_namespace_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  add_mode_options(*verb, s.mode);
  verb->footer(
      "Examples:\n"
      "  podid status -A\n"
      "  podid status -n shop -o wide\n"
      "Exit status: 0 seen, 1 something is wrong with the installation (it says what) or it failed, 2 usage");
  verb->callback([this, &status] { status = print(); });
}

int StatusVerb::print() {
  const Settings& s = *settings_;
  Seen seen;
  const auto done = base::run_blocking(look(s.cluster, s.mode, seen));
  if (!done) return report(environment_, done.error());
  const int status = seen.findings.problems.empty() ? kOk : kFailed;
  if (s.output == OutputForm::json || s.output == OutputForm::yaml) {
    boost::json::object document = to_json(seen.rows, seen.findings.problems);
    document["approvers"] = boost::json::array(seen.findings.approvers.begin(), seen.findings.approvers.end());
    document["unreadable"] = boost::json::array(seen.unreadable.begin(), seen.unreadable.end());
    environment_.out << written_as(s.output, document);
    return status;
  }
  if (s.output == OutputForm::name) {
    for (const StatusRow& row : seen.rows) environment_.out << "pod/" << row.pod.name << "\n";
    return status;
  }
  environment_.out << to_table(
      seen.rows, {.namespaces = s.cluster.all_namespaces, .wide = s.output == OutputForm::wide}, seen.now);
  for (const std::string& each : seen.findings.approvers) environment_.out << "approvers: " << printable(each) << "\n";
  for (const std::string& each : seen.unreadable) environment_.out << "unreadable: " << printable(each) << "\n";
  for (const std::string& each : seen.findings.problems) environment_.out << "PROBLEM: " << printable(each) << "\n";
  return status;
}

}  // namespace podid::cli
