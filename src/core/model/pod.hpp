// SPDX-License-Identifier: Apache-2.0
// What we keep of a pod: a cluster has many, so nothing that no rule reads.
#pragma once
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/invalid.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

struct Pod {
  std::string name;
  std::string ns;
  std::string uid;
  std::string resource_version;
  std::string creation_timestamp;  // as ObjectMeta's: sorts by time as text
  std::string deletion_timestamp;  // empty: not being deleted
  StringMap labels;
  std::string replica_set;  // name of the first owner whose kind is ReplicaSet (without regard to case), else ""
  std::string node_name;
  std::string service_account;
  bool host_network = false;
  std::string phase;                 // Pending, Running, Succeeded, Failed, Unknown
  std::string last_start;            // of the pod or a container, as the kubelet has told; empty before
  std::vector<std::string> pod_ips;  // status.podIP first, then those of status.podIPs that differ

  ObjectKey key() const { return {ns, name}; }
  bool deleting() const { return !deletion_timestamp.empty(); }
  // Its containers will not run again.
  bool finished() const { return phase == "Succeeded" || phase == "Failed"; }
  // The value of the label that bindings select by; "" when absent.
  std::string_view binding_label() const;
  bool operator==(const Pod&) const = default;
};

Read<Pod> read_pod(const boost::json::value& object);

}  // namespace podid::core
