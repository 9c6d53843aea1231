// SPDX-License-Identifier: Apache-2.0
#include "core/serving_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/matching.hpp"

namespace podid::core {
namespace {

Check check_of(CheckId id, const Pod& pod, CheckOutcome outcome, std::string text, std::string remedy = {}) {
  return {id, "pod " + pod.key().text(), outcome, std::move(text), std::move(remedy)};
}

Check node_check(const Pod& pod, Serving serving) {
  if (serving == Serving::unscheduled) {
    return check_of(CheckId::pod_node, pod, CheckOutcome::failed,
                    "is on no node yet, and the MIC assigns identities to the node of a pod",
                    "wait until it is scheduled; kubectl describe pod shows why it is not");
  }
  return check_of(CheckId::pod_node, pod, CheckOutcome::passed, "is on node " + pod.node_name);
}

Check phase_check(const Pod& pod, Serving serving) {
  const auto fail = [&pod](std::string text, std::string remedy) {
    return check_of(CheckId::pod_phase, pod, CheckOutcome::failed, std::move(text), std::move(remedy));
  };
  switch (serving) {
    case Serving::finished:
      return fail(fmt::format("is {}: its containers have ended, and its identities are taken away", pod.phase),
                  "ask about a pod that runs");
    case Serving::node_lost:
      return fail(fmt::format("is of phase {}: its node does not answer", pod.phase.empty() ? "Unknown" : pod.phase),
                  "look at its node: kubectl describe node");
    case Serving::grace_period_over:
      return fail("was to be gone at " + pod.deletion_timestamp + ": its address may be another pod's by now",
                  "find out why it is still there: a finalizer, or a node that does not answer");
    default:
      break;
  }
  return check_of(CheckId::pod_phase, pod, CheckOutcome::passed,
                  pod.deleting()
                      ? fmt::format("is {} and being deleted: it is served until {}", pod.phase, pod.deletion_timestamp)
                      : "is " + pod.phase);
}

Check network_check(const Pod& pod, Serving serving) {
  if (serving == Serving::host_network) {
    return check_of(CheckId::pod_network, pod, CheckOutcome::failed,
                    "is on its node's own network: its requests do not pass the NMI, no binding has an effect on it",
                    "run it without hostNetwork, or use an identity that is assigned to the node itself");
  }
  if (pod.pod_ips.empty()) return check_of(CheckId::pod_network, pod, CheckOutcome::skipped, "has no address yet");
  return check_of(CheckId::pod_network, pod, CheckOutcome::passed,
                  fmt::format("has address {}", fmt::join(pod.pod_ips, ", ")));
}

Check exception_check(const ServingInput& input, Serving serving) {
  const auto selecting = std::ranges::find_if(input.exceptions, [&input](const AzurePodIdentityException* exception) {
    return is_excepted(input.pod, std::span(&exception, 1));
  });
  return {CheckId::exception,
          "azurepodidentityexception " + (*selecting)->meta.key().text(),
          CheckOutcome::passed,
          serving == Serving::excepted_controller
              ? "selects the pod as the controller: its requests go on to the node's own endpoint, limited to the "
                "NMI's --controller-identity where that is set"
              : "selects the pod: its requests go on to the node's own endpoint, unchanged",
          {}};
}

}  // namespace

void record_serving(const ServingInput& input, const ServingTerms& terms, std::chrono::system_clock::time_point now,
                    CheckList& checks) {
  const Pod& pod = input.pod;
  checks.push_back(node_check(pod, terms.node()));
  checks.push_back(phase_check(pod, terms.phase(now)));
  checks.push_back(network_check(pod, terms.network()));
  const Serving serving = terms.at(now);
  if (serving == Serving::excepted || serving == Serving::excepted_controller) {
    checks.push_back(exception_check(input, serving));
  }
  if (serving == Serving::controller) {
    checks.push_back(
        check_of(CheckId::controller, pod, CheckOutcome::passed,
                 fmt::format("is a pod of the MIC, whose namespace is {}: it gets tokens of the node's own "
                             "identities",
                             input.mic_namespace)));
  }
}

}  // namespace podid::core
