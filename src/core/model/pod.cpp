// SPDX-License-Identifier: Apache-2.0
#include "core/model/pod.hpp"

#include <algorithm>

#include "core/model/ascii.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/naming.hpp"

namespace podid::core {

std::string_view Pod::binding_label() const { return value_or_empty(labels, kBindingLabel); }

Read<Pod> read_pod(const boost::json::value& object) {
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  Pod pod;
  const JsonFields meta = root.object("metadata");
  pod.name = meta.text("name");
  pod.ns = meta.text("namespace");
  pod.uid = meta.text("uid");
  pod.resource_version = meta.text("resourceVersion");
  pod.creation_timestamp = meta.text("creationTimestamp");
  pod.deletion_timestamp = meta.text("deletionTimestamp");
  pod.labels = meta.strings("labels");
  meta.each("ownerReferences", [&pod](const JsonFields& owner) {
    if (pod.replica_set.empty() && equal_ignoring_case(owner.text("kind"), "ReplicaSet")) {
      pod.replica_set = owner.text("name");
    }
  });
  const JsonFields spec = root.object("spec");
  pod.node_name = spec.text("nodeName");
  pod.service_account = spec.text("serviceAccountName");
  pod.host_network = spec.boolean("hostNetwork");
  const JsonFields status = root.object("status");
  pod.phase = status.text("phase");
  pod.last_start = status.text("startTime");
  const auto add_start = [&pod](const JsonFields& container) {
    const JsonFields state = container.object("state");
    for (const char* kind : {"running", "terminated"}) {
      pod.last_start = std::max(pod.last_start, state.object(kind).text("startedAt"));  // sorts by time as text
    }
  };
  for (const char* list : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    status.each(list, add_start);
  }
  const auto add_ip = [&pod](std::string ip) {
    if (!ip.empty() && std::ranges::find(pod.pod_ips, ip) == pod.pod_ips.end()) pod.pod_ips.push_back(std::move(ip));
  };
  add_ip(status.text("podIP"));
  status.each("podIPs", [&add_ip](const JsonFields& entry) { add_ip(entry.text("ip")); });
  if (problem) return std::unexpected(*std::move(problem));
  return pod;
}

}  // namespace podid::core
