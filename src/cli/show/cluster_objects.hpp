// SPDX-License-Identifier: Apache-2.0
// Everything in a cluster that says who gets which identity, read once, for verbs that look at many pods.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "cli/common/cluster.hpp"
#include "cli/show/explain_objects.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::cli {

struct ListedPod {
  core::Pod pod;
  std::string workload;  // its controller: "ReplicaSet/web-5d4f8"; of a bare pod "Pod/web"
};

struct ClusterObjects {
  std::vector<ListedPod> pods;
  std::vector<core::AzureAssignedIdentity> assigned;
  std::vector<core::AzureIdentityBinding> bindings;
  std::vector<core::AzureIdentity> identities;
  std::vector<core::AzurePodIdentityException> exceptions;
  std::vector<std::string> unreadable;  // objects that the programs leave out, and kinds that may not be read
  core::IdentityPermissions permissions;
  bool has_policy = false;
  std::shared_ptr<const AccessObjects> access;  // as PodObjects has it, of the whole cluster
};

// Pods of one namespace (empty: all), and all objects of ours of the whole cluster.
base::Task<base::Result<ClusterObjects>> read_cluster_objects(Cluster& cluster, std::string pods_of,
                                                              PolicyReading policy);

// When each pod (by "namespace/name") was last given a token, as the events of the last hour or so tell. Empty where events may
// not be read.
base::Task<std::map<std::string, base::WallTime>> read_issuances(Cluster& cluster, std::string ns);

// What of them matters to that pod.
PodObjects objects_for(const ClusterObjects& objects, const core::Pod& pod);

}  // namespace podid::cli
