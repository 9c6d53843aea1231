// SPDX-License-Identifier: Apache-2.0
// `podid lab pod add|rm`.
#pragma once
#include <map>
#include <string>

#include "base/error.hpp"

namespace podid::lab::cli {

struct PodRequest {
  std::string ns;
  std::string name;
  std::string node = "node-a";
  std::map<std::string, std::string> labels;
  bool host_network = false;
};

// Both wait for the lab's node agent, at most kPodPatience.
base::Result<> add_pod_and_wait(const std::string& kubeconfig, const PodRequest& request);
base::Result<> remove_pod_and_wait(const std::string& kubeconfig, const PodRequest& request);

}  // namespace podid::lab::cli
