// SPDX-License-Identifier: Apache-2.0
// Rewrites what old releases stored, once per installation, before the leader begins to work (api.md §8.1, API-10).
#pragma once
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "kube/client.hpp"

namespace podid::mic {

struct TypeUpgradeOptions {
  std::string ns;          // of the ConfigMap
  std::string config_map;  // remembers that it has been done
  std::string key;
  std::string version;  // written under the key
};

// May be broken off and repeated at any point: every step writes what is already there, or better. An object that changes
// meanwhile makes it begin again, kMaxAttempts times at most; one that is deleted meanwhile is no error.
base::Task<base::Result<>> upgrade_types(kube::Client& client, TypeUpgradeOptions options);

}  // namespace podid::mic
