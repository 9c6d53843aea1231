// SPDX-License-Identifier: Apache-2.0
// A whole lab: up, down, status. Needs root, ip, nft and kubectl.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "lab/cluster/programs.hpp"
#include "lab/cluster/state.hpp"

namespace podid::lab::cluster {

// Told of each step before it begins ("start the simulated Azure").
using Progress = std::function<void(const std::string& step)>;

struct UpOptions {
  LabOptions lab;
  Binaries binaries;
  std::string deploy_directory;  // the manifests: crds/, rbac/, policies/
};

// Brings the lab up and waits until every part says that it is ready. On a failure what was made is taken
// down again, except the logs, which the message names. A lab that is up already is `already_exists`.
base::Task<base::Result<>> bring_up(Layout layout, UpOptions options, base::Clock& clock, base::Random& random,
                                    Progress progress);

enum class Logs { stay, go };
// Ends every process of the lab, removes its namespaces and its files. Works on a half-made or crashed lab
// too, and on one that is not there.
base::Task<base::Result<>> take_down(Layout layout, Logs logs);

struct ComponentStatus {
  std::string name;
  std::string network_namespace;
  pid_t pid = 0;
  bool running = false;
};
std::vector<ComponentStatus> status(const LabState& state);

// Waits until a component that was started answers its probe (those without one: until it runs).
base::Task<base::Result<>> wait_until_ready(const LabState& state, const Component& component, base::Clock& clock);

}  // namespace podid::lab::cluster
