// SPDX-License-Identifier: Apache-2.0
#include "cli/grant/grant_verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <utility>

#include "base/json.hpp"
#include "base/run_blocking.hpp"
#include "cli/common/access_objects.hpp"
#include "cli/common/cluster.hpp"
#include "cli/common/output.hpp"
#include "cli/grant/grant_list.hpp"
#include "cli/grant/grant_objects.hpp"
#include "core/model/resources_json.hpp"

namespace podid::cli {

struct GrantVerb::Settings {
  ClusterOptions cluster;
  OutputForm output = OutputForm::table;
  GrantRequest request;
  std::string grant;
  std::string uid;      // --uid
  std::string comment;  // of an approval, reason of a revocation
  bool can_i = false;
  bool watch = false;
};

namespace {

constexpr std::string_view kApprove = "approve";  // the verb of RBAC, on azureidentitybindings

constexpr std::chrono::seconds kLook{1};  // how often -w looks

using Printer = std::function<void(const std::string& text)>;

// What a verb found out, to be printed when everything has gone well.
struct Outcome {
  std::string text;
  bool done = true;
};

Printer printer(const Environment& environment) {
  return [&environment](const std::string& text) { environment.out << text << std::flush; };
}

std::string name_of(const json::value& object) {
  return fmt::format("{}/{}", base::text_at(object, {"metadata", "namespace"}),
                     base::text_at(object, {"metadata", "name"}));
}

std::string shown(OutputForm form, const json::value& object, const std::string& resource, const std::string& text) {
  if (form == OutputForm::name) {
    return fmt::format("{}.{}/{}\n", resource, kube::kPodIdentityGroup, base::text_at(object, {"metadata", "name"}));
  }
  return form == OutputForm::json || form == OutputForm::yaml ? written_as(form, object) : text;
}

base::Task<base::Result<std::optional<json::value>>> read_binding(Cluster& cluster, kube::ObjectKey key) {
  auto binding = co_await cluster.client().get(kube::kAzureIdentityBindings, key, cluster.deadline());
  if (binding) co_return std::move(*binding);
  // An approver need not be allowed to read bindings.
  if (binding.error().kind == base::ErrorKind::denied) co_return std::nullopt;
  co_return std::unexpected(binding.error());
}

// The grant that `name` means now.
base::Task<base::Result<json::value>> read_grant(Cluster& cluster, const std::string& name, const std::string& uid) {
  const kube::ObjectKey key{.ns = cluster.ns(), .name = name};
  auto grant = co_await cluster.client().get(kube::kAzureIdentityGrants, key, cluster.deadline());
  if (!grant && grant.error().kind == base::ErrorKind::not_found) {
    co_return base::fail(base::ErrorKind::not_found,
                         fmt::format("there is no grant {}: see podid grant list -A", key.to_string()));
  }
  if (!grant) co_return base::fail(std::move(grant.error()), "reading grant " + key.to_string());
  if (!uid.empty() && base::text_at(*grant, {"metadata", "uid"}) != uid) {
    co_return base::fail(base::ErrorKind::conflict,
                         fmt::format("grant {} has UID {} now: it was made anew", key.to_string(),
                                     base::text_at(*grant, {"metadata", "uid"})));
  }
  co_return grant;
}

// Whether `user` has approved the grant already, as far as we may know.
base::Task<bool> has_approved(Cluster& cluster, const json::value& grant, const std::string& user) {
  const auto approvals = co_await cluster.list(kube::kAzureIdentityGrantApprovals, cluster.ns());
  if (!approvals) co_return false;
  co_return std::ranges::any_of(*approvals, [&](const json::value& approval) {
    return base::text_at(approval, {"spec", "grantUID"}) == base::text_at(grant, {"metadata", "uid"}) &&
           base::text_at(approval, {"spec", "approvedBy"}) == user;
  });
}

// Why `user` need not try; empty: nothing is against it.
std::string obstacle_to_approval(const json::value& grant, const std::string& user, bool allowed) {
  const std::string_view binding = base::text_at(grant, {"spec", "binding"});
  if (base::find_path(grant, {"metadata", "deletionTimestamp"}) != nullptr) return "the grant is being deleted";
  if (base::find_path(grant, {"spec", "revocation"}) != nullptr) {
    return fmt::format("the grant was revoked by {}: a new one must be requested",
                       printable(base::text_at(grant, {"spec", "revocation", "by"})));
  }
  if (base::text_at(grant, {"spec", "requestedBy"}) == user) {
    return fmt::format("{} asked for it, and nobody approves their own request", user);
  }
  if (!allowed) {
    return fmt::format(
        "{} may not approve grants of binding {} (verb approve on azureidentitybindings; role podid-approver)", user,
        binding);
  }
  return {};
}

base::Task<base::Result<>> approve_grant(const ClusterOptions& options, std::string name, std::string uid,
                                         std::string comment, bool only_asks, OutputForm form, Outcome& outcome) {
  auto opened = co_await Cluster::open(options);
  if (!opened) co_return std::unexpected(opened.error());
  Cluster& cluster = **opened;
  auto grant = co_await read_grant(cluster, name, uid);
  if (!grant) co_return std::unexpected(grant.error());
  auto user = co_await cluster.user();
  if (!user) co_return std::unexpected(user.error());
  const kube::ObjectKey key{.ns = cluster.ns(), .name = std::string(base::text_at(*grant, {"spec", "binding"}))};
  auto allowed = co_await cluster.may(kApprove, kube::kAzureIdentityBindings, key);
  if (!allowed) co_return std::unexpected(allowed.error());
  const std::string obstacle = obstacle_to_approval(*grant, *user, *allowed);
  if (only_asks) {
    outcome.done = obstacle.empty();
    outcome.text = outcome.done ? "yes\n" : fmt::format("no: {}\n", obstacle);
    co_return base::Result<>{};
  }
  if (!obstacle.empty())
    co_return base::fail(base::ErrorKind::denied, fmt::format("grant {}: {}", name_of(*grant), obstacle));
  auto binding = co_await read_binding(cluster, key);
  const std::string what = describe_grant(*grant, binding ? *binding : std::nullopt, cluster.now());
  const bool already = co_await has_approved(cluster, *grant, *user);
  if (already) {
    outcome.text = fmt::format("{}{} approved it already\n", what, *user);
    co_return base::Result<>{};
  }
  json::object approval = approval_object(*grant, *user, comment);
  auto made =
      co_await cluster.client().create(kube::kAzureIdentityGrantApprovals, std::move(approval), cluster.deadline());
  if (!made) co_return base::fail(std::move(made.error()), "approving grant " + name_of(*grant));
  const std::string text =
      fmt::format("{}approved by {} (azureidentitygrantapproval {})\nTo end it: podid grant revoke {} -n {}\n", what,
                  *user, name_of(*made), name, cluster.ns());
  outcome.text = shown(form, *made, "azureidentitygrantapproval", text);
  co_return base::Result<>{};
}

base::Task<base::Result<>> revoke_grant(const ClusterOptions& options, std::string name, std::string uid,
                                        std::string reason, bool denies, OutputForm form, Outcome& outcome) {
  auto opened = co_await Cluster::open(options);
  if (!opened) co_return std::unexpected(opened.error());
  Cluster& cluster = **opened;
  auto grant = co_await read_grant(cluster, name, uid);
  if (!grant) co_return std::unexpected(grant.error());
  if (base::find_path(*grant, {"spec", "revocation"}) != nullptr) {
    const std::string text = fmt::format("azureidentitygrant {} was revoked already, by {}\n", name_of(*grant),
                                         printable(base::text_at(*grant, {"spec", "revocation", "by"})));
    outcome.text = shown(form, *grant, "azureidentitygrant", text);
    co_return base::Result<>{};
  }
  auto user = co_await cluster.user();
  if (!user) co_return std::unexpected(user.error());
  kube::Patch patch{.type = kube::PatchType::merge, .body = revocation_patch(*grant, *user, reason)};
  const kube::ObjectKey key{.ns = cluster.ns(), .name = name};
  auto changed = co_await cluster.client().patch(kube::kAzureIdentityGrants, key, std::move(patch), cluster.deadline());
  if (!changed)
    co_return base::fail(std::move(changed.error()),
                         fmt::format("{} grant {}", denies ? "denying" : "revoking", key.to_string()));
  outcome.text =
      shown(form, *changed, "azureidentitygrant",
            fmt::format("azureidentitygrant {} {} by {}\n", key.to_string(), denies ? "denied" : "revoked", *user));
  co_return base::Result<>{};
}

std::string describe(const GrantRow& row, base::WallTime now) {
  const std::string when = when_text(row, now);
  return fmt::format("azureidentitygrant {}: {}{}\n", row.grant.text(), to_string(row.phase),
                     when.empty() ? "" : ", " + printable(when));
}

// `unreadable`: grants that nobody can read, which are in no row.
std::string as_form(OutputForm form, const std::vector<GrantRow>& rows, const std::vector<std::string>& unreadable,
                    bool all_namespaces, base::WallTime now) {
  if (form == OutputForm::json || form == OutputForm::yaml) {
    json::object document = to_json(rows);
    document["unreadable"] = json::array(unreadable.begin(), unreadable.end());
    return written_as(form, document);
  }
  if (form != OutputForm::name) {
    std::string text = to_table(rows, {.namespaces = all_namespaces, .wide = form == OutputForm::wide}, now);
    for (const std::string& each : unreadable) text += fmt::format("unreadable: {}\n", printable(each));
    return text;
  }
  std::string names;
  for (const GrantRow& row : rows)
    names += fmt::format("azureidentitygrant.{}/{}\n", kube::kPodIdentityGroup, row.grant.name);
  return names;
}

// The grants of a namespace, or of all, as they stand.
base::Task<base::Result<std::vector<GrantRow>>> read_rows(Cluster& cluster, std::string ns,
                                                          std::vector<std::string>& unreadable) {
  AccessObjects objects;
  auto read = co_await read_grants(cluster, ns, objects);
  if (!read) co_return std::unexpected(read.error());
  auto listed = co_await cluster.list(kube::kAzureIdentityBindings, ns);
  if (!listed) co_return std::unexpected(listed.error());
  std::vector<core::AzureIdentityBinding> bindings;
  for (const json::value& each : *listed) {
    if (auto binding = core::read_azure_identity_binding(each)) bindings.push_back(std::move(*binding));
  }
  unreadable = std::move(objects.unreadable);
  co_return grant_rows(objects.grants, bindings, cluster.now());
}

// Until the grant is active. `denied`: it never will be.
base::Task<base::Result<>> await_active(Cluster& cluster, core::ObjectKey grant, std::string uid, Printer print) {
  std::string said;
  while (true) {
    std::vector<std::string> unreadable;
    auto rows = co_await read_rows(cluster, grant.ns, unreadable);
    if (!rows) co_return std::unexpected(rows.error());
    const auto row = std::ranges::find(*rows, uid, &GrantRow::uid);
    if (row == rows->end()) co_return base::fail(base::ErrorKind::denied, "the grant is gone");
    const std::string state = describe(*row, cluster.now());
    if (row->phase == GrantPhase::active) {
      print(state);
      co_return base::Result<>{};
    }
    if (row->phase != GrantPhase::pending) co_return base::fail(base::ErrorKind::denied, state);
    if (row->approved_by.size() != static_cast<std::size_t>(row->approvals) && said != state) print(state);
    said = state;
    co_await cluster.clock().sleep_for(kLook);
  }
}

base::Task<base::Result<>> request_grant(const ClusterOptions& options, GrantRequest request, OutputForm form,
                                         bool watch, Printer print) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  auto user = co_await (*cluster)->user();
  if (!user) co_return std::unexpected(user.error());
  request.ns = (*cluster)->ns();
  request.requested_by = *user;
  const kube::ObjectKey key{.ns = request.ns, .name = request.binding};
  auto binding = co_await read_binding(**cluster, key);
  if (!binding && binding.error().kind == base::ErrorKind::not_found) {
    co_return base::fail(base::ErrorKind::not_found,
                         fmt::format("there is no AzureIdentityBinding {}", key.to_string()));
  }
  if (!binding) co_return std::unexpected(binding.error());
  const bool unlimited = *binding && base::find_path(**binding, {"spec", "access", "grant"}) == nullptr;
  if (unlimited) {
    co_return base::fail(
        base::ErrorKind::unsupported,
        fmt::format("AzureIdentityBinding {} needs no grant: it has no spec.access.grant", key.to_string()));
  }
  auto object = grant_object(request, (*cluster)->now());
  if (!object) co_return std::unexpected(object.error());
  auto made =
      co_await (*cluster)->client().create(kube::kAzureIdentityGrants, std::move(*object), (*cluster)->deadline());
  if (!made) co_return base::fail(std::move(made.error()), "requesting a grant");
  const json::value* approvals =
      *binding ? base::find_path(**binding, {"spec", "access", "grant", "approvals"}) : nullptr;
  const bool self_service = approvals != nullptr && approvals->is_int64() && approvals->get_int64() == 0;
  std::string text = fmt::format("azureidentitygrant {} requested\n", name_of(*made));
  if (!self_service) {
    text += fmt::format("To approve it: podid grant approve {} -n {}\n", base::text_at(*made, {"metadata", "name"}),
                        request.ns);
  }
  print(shown(form, *made, "azureidentitygrant", text));
  if (!watch) co_return base::Result<>{};
  core::ObjectKey grant{.ns = request.ns, .name = std::string(base::text_at(*made, {"metadata", "name"}))};
  std::string uid(base::text_at(*made, {"metadata", "uid"}));
  auto active = co_await await_active(**cluster, grant, uid, print);
  co_return active;
}

base::Task<base::Result<>> list_grants(const ClusterOptions& options, OutputForm form, bool watch, Printer print) {
  auto cluster = co_await Cluster::open(options);
  if (!cluster) co_return std::unexpected(cluster.error());
  std::map<std::string, std::string> shown_before;  // by uid
  for (bool first = true;; first = false) {
    std::vector<std::string> unreadable;
    auto rows = co_await read_rows(**cluster, (*cluster)->scope(), unreadable);
    if (!rows) co_return std::unexpected(rows.error());
    if (!watch) {
      print(as_form(form, *rows, unreadable, options.all_namespaces, (*cluster)->now()));
      co_return base::Result<>{};
    }
    std::erase_if(*rows, [&](const GrantRow& row) {
      const std::string state = fmt::format("{} {} {}", to_string(row.phase), row.why, fmt::join(row.approved_by, ","));
      return std::exchange(shown_before[row.uid], state) == state;
    });
    if (first || !rows->empty()) print(as_form(form, *rows, {}, options.all_namespaces, (*cluster)->now()));
    co_await (*cluster)->clock().sleep_for(kLook);
  }
}

}  // namespace

GrantVerb::~GrantVerb() = default;

GrantVerb::GrantVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  CLI::App* grant = app.add_subcommand("grant", "Just-in-time access: ask for it, approve it, end it");
  grant->require_subcommand(1);
  add_request(*grant, status);
  add_approve(*grant, status);
  add_revoke(*grant, status, true);
  add_revoke(*grant, status, false);
  add_list(*grant, status);
}

void GrantVerb::add_request(CLI::App& grant, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = grant.add_subcommand("request", "Ask for the use of a binding that needs a grant, for a while");
  verb->add_option("binding", s.request.binding, "Name of the AzureIdentityBinding")->required();
  verb->add_option("--duration", s.request.duration, "How long, from the last approval on: 1m to 168h")->required();
  verb->add_option("--reason", s.request.reason, "Why; the approvers and the audit log see it")->required();
  verb->add_option("--for", s.request.pod_labels,
                   "Only those of the binding's pods with this label=value; may be repeated");
  verb->add_option("--not-before", s.request.not_before, "Not earlier than this: an RFC 3339 time, or +2h");
  verb->add_flag("-w,--watch", s.watch, "Wait until it is active, and say how it stands");
  verb->add_option("--name", s.request.name, "Name of the grant; default: the binding's and some letters");
  add_cluster_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  verb->footer(
      "Examples:\n"
      "  podid grant request store-reader -n shop --duration 1h --reason \"INC-4711: replay failed orders\"\n"
      "  podid grant request store-reader -n shop --duration 30m --reason test --for job=replay --not-before +2h\n"
      "Exit status: 0 requested (-w: active), 1 refused or failed, 2 usage");
  verb->callback([this, &status] {
    const Settings& chosen = *settings_;
    const auto done = base::run_blocking(
        request_grant(chosen.cluster, chosen.request, chosen.output, chosen.watch, printer(environment_)));
    status = done ? kOk : report(environment_, done.error());
  });
}

void GrantVerb::add_approve(CLI::App& grant, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = grant.add_subcommand("approve", "Show a grant and approve it, as it is now");
  verb->add_option("grant", s.grant, "Name of the AzureIdentityGrant")->required();
  verb->add_option("--comment", s.comment, "Kept with the approval");
  verb->add_option("--uid", s.uid, "Only if the grant has this UID: the one that was looked at before");
  verb->add_flag("--can-i", s.can_i, "Only say whether I may");
  add_cluster_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  verb->footer(
      "Who approves needs the verb approve on the binding (role podid-approver) and is not who asked.\n"
      "Examples:\n"
      "  podid grant approve store-reader-x7k2p -n shop --comment \"seen with on-call\"\n"
      "  podid grant approve store-reader-x7k2p -n shop --can-i\n"
      "Exit status: 0 approved (--can-i: yes), 1 refused or failed (--can-i: no), 2 usage");
  verb->callback([this, &status] {
    const Settings& chosen = *settings_;
    Outcome outcome;
    const auto done = base::run_blocking(
        approve_grant(chosen.cluster, chosen.grant, chosen.uid, chosen.comment, chosen.can_i, chosen.output, outcome));
    status = !done ? report(environment_, done.error()) : outcome.done ? kOk : kFailed;
    environment_.out << outcome.text;
  });
}

void GrantVerb::add_revoke(CLI::App& grant, int& status, bool denies) {
  Settings& s = *settings_;
  CLI::App* verb = grant.add_subcommand(
      denies ? "deny" : "revoke",
      denies ? "Refuse a grant that was asked for; it cannot be approved any more" : "End a grant at once");
  verb->add_option("grant", s.grant, "Name of the AzureIdentityGrant")->required();
  verb->add_option("--reason", s.comment, "Kept with it");
  verb->add_option("--uid", s.uid, "Only if the grant has this UID");
  add_cluster_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  verb->footer(fmt::format(
      "By who asked for it, and by who may approve it. A token that a pod has got already lives until it expires.\n"
      "Example:\n  podid grant {} store-reader-x7k2p -n shop --reason \"no longer needed\"\n"
      "Exit status: 0 done, 1 refused or failed, 2 usage",
      denies ? "deny" : "revoke"));
  verb->callback([this, &status, denies] {
    const Settings& chosen = *settings_;
    Outcome outcome;
    const auto done = base::run_blocking(
        revoke_grant(chosen.cluster, chosen.grant, chosen.uid, chosen.comment, denies, chosen.output, outcome));
    status = done ? kOk : report(environment_, done.error());
    environment_.out << outcome.text;
  });
}

void GrantVerb::add_list(CLI::App& grant, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = grant.add_subcommand("list", "Grants and how they stand, by the rules by which NMIs decide");
  verb->add_flag("-w,--watch", s.watch, "Go on, and show what changes");
  add_namespace_options(*verb, s.cluster);
  add_output_option(*verb, s.output);
  verb->footer(
      "Examples:\n"
      "  podid grant list -A\n"
      "  podid grant list -n shop -o json\n"
      "Exit status: 0 listed, 1 failed, 2 usage");
  verb->callback([this, &status] {
    const Settings& chosen = *settings_;
    const auto done =
        base::run_blocking(list_grants(chosen.cluster, chosen.output, chosen.watch, printer(environment_)));
    status = done ? kOk : report(environment_, done.error());
  });
}

}  // namespace podid::cli
