// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "base/time_text.hpp"
#include "core/matching.hpp"
#include "core/naming.hpp"
#include "core/refusal_text.hpp"

namespace podid::cli {
namespace {

using core::CheckOutcome;

constexpr std::string_view kNotServed = "pod_not_served";

template <class T>
std::vector<const T*> pointers_to(const std::vector<T>& objects) {
  std::vector<const T*> pointers;
  for (const T& object : objects) pointers.push_back(&object);
  return pointers;
}

// The checks of where the pod runs: why the NMI serves it or does not, whatever its bindings are (nmi.md §5.1, NMI-10).
ExplainedCheck node_check(const core::Pod& pod) {
  ExplainedCheck check{.check = "pod_node", .object = "pod " + pod.key().text()};
  if (pod.node_name.empty()) {
    check.outcome = CheckOutcome::failed;
    check.text = "is on no node yet, and the MIC assigns identities to the node of a pod";
    check.remedy = "wait until it is scheduled; kubectl describe pod shows why it is not";
  } else {
    check.text = "is on node " + pod.node_name;
  }
  return check;
}

ExplainedCheck phase_check(const core::Pod& pod, base::WallTime now) {
  ExplainedCheck check{.check = "pod_phase", .object = "pod " + pod.key().text()};
  const auto refuse = [&check](std::string text, std::string remedy) {
    check.outcome = CheckOutcome::failed;
    check.text = std::move(text);
    check.remedy = std::move(remedy);
  };
  if (pod.finished()) {
    refuse(fmt::format("is {}: its containers have ended, and its identities are taken away", pod.phase),
           "ask about a pod that runs");
  } else if (pod.phase != "Running" && pod.phase != "Pending") {
    refuse(fmt::format("is of phase {}: its node does not answer", pod.phase.empty() ? "Unknown" : pod.phase),
           "look at its node: kubectl describe node");
  } else if (pod.deleting() && base::parse_rfc3339(pod.deletion_timestamp).value_or(base::WallTime::min()) <= now) {
    refuse("was to be gone at " + pod.deletion_timestamp + ": its address may be another pod's by now",
           "find out why it is still there: a finalizer, or a node that does not answer");
  } else if (pod.deleting()) {
    check.text = fmt::format("is {} and being deleted: it is served until {}", pod.phase, pod.deletion_timestamp);
  } else {
    check.text = "is " + pod.phase;
  }
  return check;
}

ExplainedCheck network_check(const core::Pod& pod) {
  ExplainedCheck check{.check = "pod_network", .object = "pod " + pod.key().text()};
  if (pod.host_network) {
    check.outcome = CheckOutcome::failed;
    check.text = "is on its node's own network: its requests do not pass the NMI, no binding has an effect on it";
    check.remedy = "run it without hostNetwork, or use an identity that is assigned to the node itself";
  } else if (pod.pod_ips.empty()) {
    check.outcome = CheckOutcome::skipped;
    check.text = "has no address yet";
  } else {
    check.text = fmt::format("has address {}", fmt::join(pod.pod_ips, ", "));
  }
  return check;
}

// Nothing when no exception selects the pod.
std::optional<ExplainedCheck> exception_check(const PodObjects& objects) {
  for (const core::AzurePodIdentityException& exception : objects.exceptions) {
    if (!core::is_excepted(objects.pod, std::span(&exception, 1))) continue;
    return ExplainedCheck{.check = "exception",
                          .object = "azurepodidentityexception " + exception.meta.key().text(),
                          .text = "selects the pod: its requests go on to the node's own endpoint, unchanged"};
  }
  return std::nullopt;
}

void describe_pod(const core::Pod& pod, Explanation& out) {
  out.pod = pod.key().text();
  out.node = pod.node_name;
  out.phase = pod.phase;
  out.addresses = pod.pod_ips;
}

void describe_rules(const PodObjects& objects, const ExplainRequest& request, Explanation& out) {
  std::set<std::string> selectors;
  for (const core::AzureIdentityBinding& binding : objects.bindings) {
    if (request.mode == core::OperationMode::managed && binding.meta.ns != objects.pod.ns) continue;
    if (core::selects(binding, objects.pod)) {
      out.bindings.push_back({binding.meta.key().text(), binding.meta.ns + "/" + binding.azure_identity});
    }
    selectors.insert(binding.selector);
  }
  if (out.bindings.empty()) out.other_selectors.assign(selectors.begin(), selectors.end());
  if (request.mode == core::OperationMode::managed) return;
  for (const core::AzureAssignedIdentity& assigned : objects.assigned) {
    out.assignments.push_back(
        {assigned.meta.key().text(), assigned.identity.meta.key().text(), assigned.node_name, assigned.status});
  }
}

// As the NMI sees them that has started after the identities were changed.
std::vector<const core::AzureAssignedIdentity*> unconfirmed(const PodObjects& objects) {
  std::vector<const core::AzureAssignedIdentity*> found;
  for (const core::AzureAssignedIdentity& assigned : objects.assigned) {
    const auto confirms = [&assigned](const core::AzureIdentity& identity) {
      return identity.meta.key() == assigned.identity.meta.key() && core::gives_the_same(assigned.identity, identity);
    };
    if (std::ranges::none_of(objects.identities, confirms)) found.push_back(&assigned);
  }
  return found;
}

// An assignment holds until the MIC takes it away, and so outlives the binding that it was made from.
std::string outdated(const PodObjects& objects, const core::Decision& decision) {
  if (decision.assigned == nullptr) return {};
  const auto is_rule = [&decision, &objects](const core::AzureIdentityBinding& binding) {
    return binding.meta.ns == decision.identity->meta.ns && binding.azure_identity == decision.identity->meta.name &&
           core::selects(binding, objects.pod);
  };
  if (std::ranges::any_of(objects.bindings, is_rule)) return {};
  return "no AzureIdentityBinding gives the pod this AzureIdentity any more; the MIC will take the "
         "AzureAssignedIdentity away, and tokens end with it";
}

void conclude(const core::DecisionInput& input, const core::Decision& decision, Explanation& out) {
  out.granted = decision.granted();
  out.reason = core::to_string(decision.reason);
  if (!out.granted) {
    out.conclusion = core::refusal_summary(input, decision);
    out.waiting_may_help = decision.healing == core::Healing::waits;
    return;
  }
  out.identity = decision.identity->meta.key().text();
  out.conclusion = "the pod gets tokens of azureidentity " + out.identity;
  if (decision.binding != nullptr) {
    out.binding = decision.binding->meta.key().text();
    out.conclusion += ", by azureidentitybinding " + out.binding;
  }
  if (decision.assigned != nullptr) out.assigned = decision.assigned->meta.key().text();
}

}  // namespace

Explanation explain(const PodObjects& objects, const ExplainRequest& request, base::WallTime now) {
  const core::Pod& pod = objects.pod;
  const auto assigned = pointers_to(objects.assigned);
  const auto bindings = pointers_to(objects.bindings);
  const auto identities = pointers_to(objects.identities);
  const auto unconfirmed_ones = unconfirmed(objects);
  const bool managed = request.mode == core::OperationMode::managed;
  core::DecisionInput input;
  input.mode = request.mode;
  input.namespaced = request.namespaced || managed;
  input.pod_namespace = pod.ns;
  input.pod_name = pod.name;
  input.pod = &pod;
  input.node_name = pod.node_name;
  input.request = {request.client_id, request.resource_id, request.object_id};
  input.now = now;
  if (!managed) {
    input.assigned = assigned;
    input.unconfirmed = unconfirmed_ones;
  }
  input.bindings_known = true;
  input.bindings = bindings;
  input.identities = identities;

  Explanation out;
  out.mode = managed ? "managed" : "standard";
  out.asked = core::describe(input.request);
  out.unreadable = objects.unreadable;
  describe_pod(pod, out);
  describe_rules(objects, request, out);

  out.checks = {node_check(pod), phase_check(pod, now), network_check(pod)};
  const auto obstacle = std::ranges::find(out.checks, CheckOutcome::failed, &ExplainedCheck::outcome);
  const bool served = obstacle == out.checks.end();
  const std::string not_served = served ? "" : fmt::format("{} {}", obstacle->object, obstacle->text);
  if (auto exception = exception_check(objects); exception && served) {
    out.checks.push_back(std::move(*exception));
    out.granted = true;
    out.reason = core::to_string(core::RefusalReason::none);
    out.conclusion = "the pod gets what its node gets: an AzurePodIdentityException lets its requests pass";
    return out;
  }
  core::CheckList checks;
  const core::Decision decision = core::decide(input, &checks);
  for (core::Check& check : checks) {
    out.checks.push_back({std::string(core::to_string(check.id)), std::move(check.object), check.outcome,
                          std::move(check.text), std::move(check.remedy)});
  }
  if (served) {
    conclude(input, decision, out);
    if (decision.granted()) out.warning = outdated(objects, decision);
  } else {
    out.reason = kNotServed;
    out.conclusion = not_served;
    out.waiting_may_help = pod.node_name.empty();
  }
  return out;
}

}  // namespace podid::cli
