// SPDX-License-Identifier: Apache-2.0
#include "cli/show/who_can.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "cli/common/output.hpp"
#include "core/model/naming.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

// The names under which a client can ask for exactly this identity: without them it may be given another of the pod's.
ExplainRequest asking_for(const core::AzureIdentity& identity, ExplainRequest request) {
  request.client_id = identity.client_id;
  request.resource_id = identity.resource_id;
  request.object_id = {};
  return request;
}

std::vector<const core::AzureIdentityBinding*> bindings_of(const ClusterObjects& objects,
                                                           const core::AzureIdentity& identity) {
  std::vector<const core::AzureIdentityBinding*> found;
  for (const core::AzureIdentityBinding& binding : objects.bindings) {
    if (binding.meta.ns == identity.meta.ns && binding.azure_identity == identity.meta.name) found.push_back(&binding);
  }
  return found;
}

// Only this identity's bindings, so that another of the pod's that names the same in Azure is not taken for it.
PodObjects objects_of_identity(const ClusterObjects& objects, const core::AzureIdentity& identity,
                               const core::Pod& pod) {
  PodObjects own = objects_for(objects, pod);
  std::erase_if(own.bindings, [&identity](const core::AzureIdentityBinding& binding) {
    return binding.meta.ns != identity.meta.ns || binding.azure_identity != identity.meta.name;
  });
  std::erase_if(own.identities,
                [&identity](const core::AzureIdentity& each) { return each.meta.key() != identity.meta.key(); });
  std::erase_if(own.assigned, [&identity](const core::AzureAssignedIdentity& each) {
    return each.identity.meta.key() != identity.meta.key();
  });
  return own;
}

// The assignment that the controller would make.
core::AzureAssignedIdentity assignment(const core::Pod& pod, const core::AzureIdentity& identity,
                                       const core::AzureIdentityBinding& binding, core::NamespacedMode mode) {
  core::AzureAssignedIdentity assigned;
  assigned.identity = core::copied(identity);
  assigned.binding = core::copied(binding);
  assigned.pod = pod.name;
  assigned.pod_namespace = pod.ns;
  assigned.node_name = pod.node_name;
  assigned.status = core::kAssigned;
  assigned.meta.name = core::assigned_identity_names(core::key_of(assigned)).front();
  assigned.meta.ns = core::assignment_namespace(identity, mode);
  assigned.meta.labels.emplace(core::kNodeNameLabel, core::node_label_value(pod.node_name));
  assigned.meta.annotations.emplace(core::kPodUidAnnotation, pod.uid);
  assigned.meta.finalizers.emplace_back(core::kAssignedIdentityFinalizer);
  return assigned;
}

// Of a limited binding: how it stands.
std::string access_of(const Explanation& e) { return e.access.empty() ? std::string() : e.access.front().state; }

// Closed now, and not for ever.
bool may_open(core::RefusalReason reason) {
  using core::RefusalReason;
  return reason == RefusalReason::not_yet || reason == RefusalReason::window_closed ||
         reason == RefusalReason::grant_missing || reason == RefusalReason::grant_pending ||
         reason == RefusalReason::grant_policy_missing;
}

enum class Assignments { as_they_are, as_they_would_be };

std::vector<Candidate> candidates_of(const ClusterObjects& objects, const core::AzureIdentity& identity,
                                     const ExplainRequest& asked, base::WallTime now, Assignments assignments) {
  std::set<std::string_view> selectors;
  for (const core::AzureIdentityBinding* binding : bindings_of(objects, identity)) selectors.insert(binding->selector);
  std::vector<Candidate> candidates;
  for (const ListedPod& listed : objects.pods) {
    if (listed.pod.binding_label().empty() || !selectors.contains(listed.pod.binding_label())) continue;
    PodObjects own = objects_of_identity(objects, identity, listed.pod);
    if (assignments == Assignments::as_they_would_be && !own.bindings.empty()) {
      own.assigned = {assignment(listed.pod, identity, own.bindings.front(), core::NamespacedMode{asked.namespaced})};
    }
    const Explanation e = explain(own, asked, now);
    if (e.granted && e.serving != "served") continue;
    candidates.push_back({.pod = listed.pod.key(),
                          .node = listed.pod.node_name,
                          .workload = listed.workload,
                          .service_account = listed.pod.service_account,
                          .may = e.granted,
                          .binding = e.binding.empty() && !e.bindings.empty() ? e.bindings.front().binding : e.binding,
                          .reason = e.granted ? std::string() : e.reason,
                          .why = e.conclusion,
                          .access = access_of(e)});
  }
  std::ranges::sort(candidates, {}, &Candidate::pod);
  return candidates;
}

}  // namespace

std::vector<Candidate> who_can(const ClusterObjects& objects, const core::AzureIdentity& identity,
                               const ExplainRequest& request, base::WallTime now) {
  return candidates_of(objects, identity, asking_for(identity, request), now, Assignments::as_they_are);
}

std::vector<Candidate> who_can_without(const ClusterObjects& objects, const core::AzureIdentity& identity,
                                       const core::ObjectKey& binding, const ExplainRequest& request,
                                       base::WallTime now) {
  std::vector<Candidate> candidates = who_can(objects, identity, request, now);
  std::erase_if(candidates, [](const Candidate& each) { return !each.may; });
  ClusterObjects later = objects;
  std::erase_if(later.bindings, [&binding](const auto& each) { return each.meta.key() == binding; });
  const auto after = candidates_of(later, identity, asking_for(identity, request), now, Assignments::as_they_would_be);
  for (Candidate& each : candidates) {
    const auto then = std::ranges::find(after, each.pod, &Candidate::pod);
    each.may = then != after.end() && then->may;
    each.reason = each.may ? "keeps" : "loses";
    each.why = then != after.end() ? then->why : "no other binding gives it";
    if (each.may) each.binding = then->binding;
  }
  return candidates;
}

Witness could_ever(const ClusterObjects& objects, const core::AzureIdentity& identity, const std::string& ns,
                   const ExplainRequest& request, base::WallTime now) {
  Witness witness;
  const ExplainRequest asked = asking_for(identity, request);
  const auto bindings = bindings_of(objects, identity);
  if (bindings.empty()) {
    witness.why = fmt::format("no AzureIdentityBinding names AzureIdentity {}", identity.meta.key().text());
    return witness;
  }
  for (const core::AzureIdentityBinding* binding : bindings) {
    core::Pod pod;
    pod.name = "witness";
    pod.ns = ns;
    pod.uid = "witness";
    pod.node_name = "any-node";
    pod.phase = "Running";
    pod.pod_ips = {"192.0.2.1"};
    pod.labels.emplace(core::kBindingLabel, binding->selector);
    PodObjects own = objects_of_identity(objects, identity, pod);
    own.exceptions.clear();  // what the node's identities are is another question
    own.assigned = {assignment(pod, identity, *binding, core::NamespacedMode{request.namespaced})};
    const Explanation e = explain(own, asked, now);
    witness.why = e.conclusion;
    if (!e.granted && !may_open(e.refusal)) continue;
    witness.access = access_of(e);
    witness.possible = true;
    witness.label = binding->selector;
    witness.binding = binding->meta.key().text();
    return witness;
  }
  return witness;
}

std::string to_table(std::span<const Candidate> candidates, WhoCanColumns columns) {
  std::vector<std::string> titles{"NAMESPACE", "POD", "WORKLOAD", "NODE", "NOW", "BINDING", "ACCESS", "REASON"};
  if (columns.wide) titles.insert(titles.end(), {"SERVICE ACCOUNT", "WHY"});
  Table table(std::move(titles));
  for (const Candidate& each : candidates) {
    std::vector<std::string> cells{each.pod.ns,  each.pod.name, each.workload, each.node, each.may ? "yes" : "no",
                                   each.binding, each.access,   each.reason};
    if (columns.wide) cells.insert(cells.end(), {each.service_account, each.why});
    table.add(std::move(cells));
  }
  return table.text();
}

json::object to_json(const core::AzureIdentity& identity, std::span<const Candidate> candidates) {
  json::array items;
  for (const Candidate& each : candidates) {
    items.push_back({{"namespace", each.pod.ns},
                     {"pod", each.pod.name},
                     {"workload", each.workload},
                     {"node", each.node},
                     {"serviceAccount", each.service_account},
                     {"may", each.may},
                     {"binding", each.binding},
                     {"access", each.access},
                     {"reason", each.reason},
                     {"why", each.why}});
  }
  return {{"schema", "podid.who-can/v1"}, {"identity", identity.meta.key().text()}, {"pods", std::move(items)}};
}

}  // namespace podid::cli
