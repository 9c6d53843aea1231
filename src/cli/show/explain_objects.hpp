// SPDX-License-Identifier: Apache-2.0
// What `podid explain pod` reads of the cluster.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "cli/common/access_objects.hpp"
#include "cli/common/cluster.hpp"
#include "cli/show/policy_reading.hpp"
#include "core/identity_policy.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"
#include "kube/object_key.hpp"

namespace podid::cli {

// A pod and everything that may matter to it.
struct PodObjects {
  core::Pod pod;
  std::vector<core::AzureAssignedIdentity> assigned = {};        // this pod's
  std::vector<core::AzureIdentityBinding> bindings = {};         // of the whole cluster
  std::vector<core::AzureIdentity> identities = {};              // of the whole cluster
  std::vector<core::AzurePodIdentityException> exceptions = {};  // of the pod's namespace
  std::vector<std::string> unreadable = {};  // "azureidentity shop/reader: spec.type: …": the programs leave these out
  core::IdentityPermissions permissions = {};  // by the policy, which knows the namespaces that matter to the pod
  bool has_policy = false;                     // there is one
  // What spec.access of its bindings goes by; null: not read, so that no grant counts and no calendar is known.
  std::shared_ptr<const AccessObjects> access = {};
};

// Errors: `not_found` when there is no such pod (the message names pods of that name elsewhere) or a kind is not installed;
// those of kube::Client.
base::Task<base::Result<PodObjects>> read_pod_objects(Cluster& cluster, kube::ObjectKey pod, PolicyReading policy);

}  // namespace podid::cli
