// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "base/time_text.hpp"
#include "core/access/access_text.hpp"
#include "core/access/calendar.hpp"
#include "core/matching.hpp"
#include "core/model/naming.hpp"
#include "core/refusal_text.hpp"
#include "core/serving.hpp"
#include "core/serving_checks.hpp"

namespace podid::cli {
namespace {

constexpr std::string_view kNotServed = "pod_not_served";
constexpr std::string_view kNotControllersIdentity = "controller_identity";  // the NMI's reason

template <class T>
std::vector<const T*> pointers_to(const std::vector<T>& objects) {
  std::vector<const T*> pointers;
  for (const T& object : objects) pointers.push_back(&object);
  return pointers;
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

template <class T>
const T* find_by_key(const std::vector<T>& objects, const core::ObjectKey& key) {
  const auto found = std::ranges::find_if(objects, [&key](const T& object) { return object.meta.key() == key; });
  return found == objects.end() ? nullptr : &*found;
}

// As an NMI has them that has started after the identities were changed.
std::vector<core::DoubtedAssignment> doubts_about(const PodObjects& objects) {
  std::vector<core::DoubtedAssignment> doubts;
  for (const core::AzureAssignedIdentity& assigned : objects.assigned) {
    const std::optional<core::Doubt> doubt =
        core::doubt_of(assigned, {.declared = find_by_key(objects.identities, assigned.identity.meta.key()),
                                  .live = find_by_key(objects.bindings, assigned.binding.meta.key()),
                                  .pod = objects.pod,
                                  .confirmed_before = {}});
    if (doubt) doubts.push_back({&assigned, *doubt});
  }
  return doubts;
}

// What is known of the calendars that the binding names: as the controller has handed them to the NMI, where it has made an
// assignment; else as they are.
core::Calendars calendars_of(const PodObjects& objects, const core::AzureIdentityBinding& binding, bool managed) {
  for (const core::AzureAssignedIdentity& assigned : objects.assigned) {
    if (managed || assigned.binding.meta.key() != binding.meta.key()) continue;
    return core::decode_holidays(core::value_or_empty(assigned.meta.annotations, core::kHolidaysAnnotation));
  }
  if (!objects.access) return {};
  const auto known = objects.access->calendars.find(binding.meta.ns);
  return known == objects.access->calendars.end() ? core::Calendars() : known->second;
}

// What the bindings with spec.access say, as decide() is told.
class AccessView {
 public:
  AccessView(const PodObjects& objects, const ExplainRequest& request, base::WallTime now) {
    const bool managed = request.mode == core::OperationMode::managed;
    for (const core::AzureIdentityBinding& binding : objects.bindings) {
      if (!binding.access) continue;
      const core::ObjectKey key = binding.meta.key();
      core::GrantSchedule grants;
      const core::GrantBook* book = request.grants   ? request.grants.get()
                                    : objects.access ? &objects.access->grants
                                                     : nullptr;
      if (book != nullptr && binding.access->grant) {
        grants = book->schedule(key, *binding.access->grant, objects.pod.labels, now);
      }
      auto terms = std::make_shared<const core::AccessTerms>(*binding.access, request.zones,
                                                             calendars_of(objects, binding, managed));
      const auto& by = kept_.emplace_back(key, std::move(terms), std::move(grants));
      said_.push_back({&binding, &by, by.at(now)});
      for (const core::AzureAssignedIdentity& assigned : objects.assigned) {
        if (assigned.binding.meta.key() == key) said_.push_back({&assigned.binding, &by, by.at(now)});
      }
    }
  }
  AccessView(const AccessView&) = delete;
  AccessView& operator=(const AccessView&) = delete;

  std::span<const core::AccessOfBinding> said() const { return said_; }

  // Of the bindings that select the pod.
  void describe(const core::Pod& pod, base::WallTime now, Explanation& out) const {
    for (const core::AccessOfBinding& each : said_) {
      if (!core::selects(*each.binding, pod)) continue;
      const std::string binding = each.by->binding().text();
      if (std::ranges::find(out.access, binding, &ExplainedAccess::binding) != out.access.end()) continue;
      out.access.push_back({.binding = binding,
                            .open = each.state.open(),
                            .state = core::short_access_text(each.state),
                            .text = each.by->text(now)});
    }
  }

 private:
  std::deque<core::BindingAccess> kept_;  // what said_ points into
  std::vector<core::AccessOfBinding> said_;
};

// The pod is not served, or gets what its node gets, whatever its bindings are. `checks`: of core/serving.
void conclude(core::Serving serving, const core::CheckList& checks, const ExplainRequest& request, Explanation& out) {
  if (core::verdict_of(serving) == core::ServingVerdict::refused) {
    const auto obstacle = std::ranges::find(checks, core::CheckOutcome::failed, &core::Check::outcome);
    out.reason = kNotServed;
    out.conclusion = fmt::format("{} {}", obstacle->object, obstacle->text);
    out.waiting_may_help = serving == core::Serving::unscheduled;
    return;
  }
  if (core::is_let_through_as_controller(serving)) {
    const core::IdentityRequest asked{request.client_id, request.resource_id, request.object_id};
    if (const auto why = core::controller_may_not_have(request.controller_identity, asked)) {
      out.reason = kNotControllersIdentity;
      out.conclusion = *why;
      return;
    }
  }
  out.granted = true;
  out.reason = core::to_string(core::RefusalReason::none);
  out.conclusion = serving != core::Serving::controller
                       ? "the pod gets what its node gets: an AzurePodIdentityException lets its requests pass"
                       : "the pod gets what its node gets: it is a pod of the MIC";
}

void conclude(const core::DecisionInput& input, const core::Decision& decision, Explanation& out) {
  out.granted = decision.granted();
  out.refusal = decision.reason;
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
  const auto doubts = doubts_about(objects);
  const AccessView access(objects, request, now);
  const bool managed = request.mode == core::OperationMode::managed;
  core::DecisionInput input;
  input.mode = request.mode;
  input.namespaced = core::NamespacedMode{request.namespaced || managed};
  input.pod_namespace = pod.ns;
  input.pod_name = pod.name;
  input.pod = &pod;
  input.node_name = pod.node_name;
  input.request = {request.client_id, request.resource_id, request.object_id};
  input.now = now;
  input.access = access.said();
  if (request.policy == core::IdentityPolicyMode::enforce) input.permissions = &objects.permissions;
  if (!managed) {
    input.assigned = assigned;
    input.doubts = doubts;
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
  access.describe(pod, now, out);

  const auto exceptions = pointers_to(objects.exceptions);
  const core::ServingInput whether{.pod = pod,
                                   .deletion = base::parse_rfc3339(pod.deletion_timestamp),
                                   .exceptions = exceptions,
                                   .mic_namespace = request.mic_namespace,
                                   .mic_service_accounts = request.mic_service_accounts};
  const core::ServingTerms terms(whether);
  const core::Serving serving = terms.at(now);
  out.serving = core::to_string(serving);
  core::record_serving(whether, terms, now, out.checks);
  if (serving != core::Serving::served) conclude(serving, out.checks, request, out);
  // Nothing else matters to a pod that is passed through; what else stands in the way of a refused one is worth knowing.
  if (core::verdict_of(serving) == core::ServingVerdict::passed_through) return out;
  const core::Decision decision = core::decide(input, &out.checks);
  if (serving == core::Serving::served) conclude(input, decision, out);
  return out;
}

}  // namespace podid::cli
