// SPDX-License-Identifier: Apache-2.0
#include "cli/show/who_can_verb.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/run_blocking.hpp"
#include "cli/common/cluster.hpp"
#include "cli/common/output.hpp"
#include "cli/show/cluster_objects.hpp"
#include "cli/show/mode_options.hpp"
#include "cli/show/who_can.hpp"

namespace podid::cli {

struct WhoCanVerb::Settings {
  ClusterOptions cluster;
  ModeOptions mode;
  OutputForm output = OutputForm::table;
  std::string identity;
  std::string without;  // --if-delete: "binding/X"
  std::string ever;     // --ever: a namespace
};

namespace {

struct Seen {
  std::string ns;
  base::WallTime now;
  ClusterObjects objects;
};

base::Task<base::Result<>> look(const ClusterOptions& options, const ModeOptions& mode, Seen& seen) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  auto objects = co_await read_cluster_objects(**cluster, "", mode.policy_reading());
  if (!objects) co_return std::unexpected(objects.error());
  seen.objects = std::move(*objects);
  seen.ns = (*cluster)->ns();
  seen.now = (*cluster)->now();
  co_return base::Result<>{};
}

base::Result<const core::AzureIdentity*> find_identity(const ClusterObjects& objects, const core::ObjectKey& key) {
  std::vector<std::string> names;
  std::string elsewhere;
  for (const core::AzureIdentity& each : objects.identities) {
    if (each.meta.key() == key) return &each;
    if (each.meta.ns == key.ns) names.push_back(each.meta.name);
    if (each.meta.name == key.name) elsewhere += (elsewhere.empty() ? "" : ", ") + each.meta.ns;
  }
  std::string text = fmt::format("there is no AzureIdentity {}", key.text());
  if (!elsewhere.empty()) {
    text += fmt::format("; there is one of that name in: {} (use -n)", elsewhere);
  } else if (const auto meant = nearest(key.name, names)) {
    text += fmt::format("; did you mean {}?", *meant);
  }
  return base::fail(base::ErrorKind::not_found, std::move(text));
}

// The binding that --if-delete names.
base::Result<core::ObjectKey> find_binding(const ClusterObjects& objects, const std::string& what,
                                           const std::string& ns) {
  constexpr std::string_view kPrefix = "binding/";
  if (!what.starts_with(kPrefix) || what.size() == kPrefix.size()) {
    return base::fail(base::ErrorKind::invalid, fmt::format("--if-delete {}: use binding/NAME", what));
  }
  core::ObjectKey key{ns, what.substr(kPrefix.size())};
  const bool exists =
      std::ranges::any_of(objects.bindings, [&key](const auto& each) { return each.meta.key() == key; });
  if (!exists)
    return base::fail(base::ErrorKind::not_found, fmt::format("there is no AzureIdentityBinding {}", key.text()));
  return key;
}

}  // namespace

WhoCanVerb::~WhoCanVerb() = default;

WhoCanVerb::WhoCanVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  Settings& s = *settings_;
  CLI::App* verb = app.add_subcommand("who-can", "Which pods may get tokens of an AzureIdentity, and by which binding");
  verb->add_option("identity", s.identity, "Name of the AzureIdentity")->required();
  CLI::Option* without =
      verb->add_option("--if-delete", s.without, "As if binding/NAME of its namespace were not there: who loses it");
  verb->add_option("--ever", s.ever, "Whether any pod that somebody may make in that namespace could")
      ->excludes(without);
  add_cluster_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  add_mode_options(*verb, s.mode);
  verb->footer(
      "Examples:\n"
      "  podid who-can store -n shop\n"
      "  podid who-can store -n shop --if-delete binding/reader\n"
      "  podid who-can store -n shop --ever team-b\n"
      "Exit status: 0 somebody may (--ever: it is possible), 1 nobody may or it failed, 2 usage");
  verb->callback([this, &status] { status = print(); });
}

int WhoCanVerb::print() {
  const Settings& s = *settings_;
  Seen seen;
  const auto done = base::run_blocking(look(s.cluster, s.mode, seen));
  if (!done) return report(environment_, done.error());
  const auto identity = find_identity(seen.objects, {seen.ns, s.identity});
  if (!identity) return report(environment_, identity.error());
  const ExplainRequest request = s.mode.chosen(seen.objects.has_policy);
  const bool document = s.output == OutputForm::json || s.output == OutputForm::yaml;
  if (!s.ever.empty()) {
    const Witness witness = could_ever(seen.objects, **identity, s.ever, request, seen.now);
    if (document) {
      environment_.out << written_as(s.output, boost::json::object{{"schema", "podid.who-can-ever/v1"},
                                                                   {"identity", (*identity)->meta.key().text()},
                                                                   {"namespace", s.ever},
                                                                   {"possible", witness.possible},
                                                                   {"label", witness.label},
                                                                   {"binding", witness.binding},
                                                                   {"access", witness.access},
                                                                   {"why", witness.why}});
    } else if (witness.possible) {
      environment_.out << fmt::format(
          "yes: a pod of namespace {} with label aadpodidbinding={}, by azureidentitybinding {}{}\n", s.ever,
          witness.label, witness.binding, witness.access.empty() ? "" : " (" + witness.access + ")");
    } else {
      environment_.out << fmt::format("no: {}\n", witness.why);
    }
    return witness.possible ? kOk : kFailed;
  }
  std::vector<Candidate> candidates;
  if (s.without.empty()) {
    candidates = who_can(seen.objects, **identity, request, seen.now);
  } else {
    const auto binding = find_binding(seen.objects, s.without, seen.ns);
    if (!binding) return report(environment_, binding.error());
    candidates = who_can_without(seen.objects, **identity, *binding, request, seen.now);
  }
  if (document) {
    boost::json::object found = to_json(**identity, candidates);
    found["unreadable"] = boost::json::array(seen.objects.unreadable.begin(), seen.objects.unreadable.end());
    environment_.out << written_as(s.output, found);
  } else if (s.output == OutputForm::name) {
    for (const Candidate& each : candidates) {
      if (each.may) environment_.out << "pod/" << each.pod.name << "\n";
    }
  } else {
    environment_.out << to_table(candidates, {.wide = s.output == OutputForm::wide});
    for (const std::string& each : seen.objects.unreadable)
      environment_.out << "unreadable: " << printable(each) << "\n";
  }
  return std::ranges::any_of(candidates, &Candidate::may) ? kOk : kFailed;
}

}  // namespace podid::cli
