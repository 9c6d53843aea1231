// SPDX-License-Identifier: Apache-2.0
#include "cli/usage/usage_verb.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/run_blocking.hpp"
#include "cli/audit/audit_source.hpp"
#include "cli/common/cluster.hpp"
#include "cli/common/output.hpp"
#include "cli/usage/usage.hpp"
#include "core/model/resources_json.hpp"

namespace podid::cli {

struct UsageVerb::Settings {
  ClusterOptions cluster;
  OutputForm output = OutputForm::table;
  std::string from;
  std::string since;
};

namespace {

struct Seen {
  std::vector<core::AzureIdentityBinding> bindings;
  base::WallTime now;
  std::string scope;
};

base::Task<base::Result<>> look(const ClusterOptions& options, Seen& seen) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  auto listed = co_await (*cluster)->list(kube::kAzureIdentityBindings, (*cluster)->scope());
  if (!listed) co_return std::unexpected(listed.error());
  for (const boost::json::value& each : *listed) {
    if (auto binding = core::read_azure_identity_binding(each)) seen.bindings.push_back(std::move(*binding));
  }
  seen.now = (*cluster)->now();
  seen.scope = (*cluster)->scope();
  co_return base::Result<>{};
}

}  // namespace

UsageVerb::~UsageVerb() = default;

UsageVerb::UsageVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  Settings& s = *settings_;
  CLI::App* verb = app.add_subcommand("usage", "Which bindings are used, by whom and for what, by the audit log");
  verb->add_option("--from", s.from, "FILE of a log, FOLDER of logs, or - for standard input: as podid audit has it")
      ->required();
  verb->add_option("--since", s.since, "Records from this time on: an RFC 3339 time, or 720h for so long before now");
  add_namespace_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  verb->footer(
      "Bindings that the log never names come first: who deletes them takes nothing away that was used in its time.\n"
      "Examples:\n"
      "  podid usage -A --from logs/ --since 720h\n"
      "  podid usage -n shop --from audit.log -o wide\n"
      "Exit status: 0 counted, 1 failed, 2 usage");
  verb->callback([this, &status] { status = print(); });
}

int UsageVerb::print() {
  const Settings& s = *settings_;
  Seen seen;
  const auto done = base::run_blocking(look(s.cluster, seen));
  if (!done) return report(environment_, done.error());
  RecordFilter filter;
  if (!s.since.empty()) {
    const auto since = parse_since(s.since, seen.now);
    if (!since) return report(environment_, since.error());
    filter.since = *since;
  }
  std::uint64_t unreadable = 0;
  const auto records = read_records(s.from, filter, unreadable);
  if (!records) return report(environment_, records.error());
  UsageCount count;
  for (const ReadRecord& each : *records) {
    if (seen.scope.empty() || each.record.binding.starts_with(seen.scope + "/")) count.add(each.record);
  }
  const std::vector<BindingUsage> usage = count.of(seen.bindings);
  if (s.output == OutputForm::json || s.output == OutputForm::yaml) {
    boost::json::object document = to_json(usage);
    document["unreadableLines"] = unreadable;
    environment_.out << written_as(s.output, document);
  } else if (s.output == OutputForm::name) {
    for (const BindingUsage& each : usage) environment_.out << each.binding << "\n";
  } else {
    environment_.out << to_table(usage, {.wide = s.output == OutputForm::wide}, seen.now);
    if (unreadable > 0) environment_.out << fmt::format("unreadable: {} lines\n", unreadable);
  }
  return kOk;
}

}  // namespace podid::cli
