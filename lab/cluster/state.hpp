// SPDX-License-Identifier: Apache-2.0
// What `podid lab` remembers of a lab between commands: one JSON file, lab.json, in the lab's directory.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "lab/cluster/layout.hpp"

namespace podid::lab::cluster {

// A program of the lab (apiserver, azure, mic-0, nmi-node-a, …) and how to start it again.
struct Component {
  std::string name;
  std::string network_namespace;  // empty: the machine's own (the node agent and the loopback forwarder)
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  pid_t pid = 0;                   // 0: not started, or stopped
  unsigned long long started = 0;  // the process's start time from /proc, so that a recycled pid is not ours
};

// Whether a lab with this control plane has a clock that can be driven (lab/clock). kube-apiserver and etcd are static
// Go programs that ask the kernel for the time; the programs of a lab must agree on it.
bool has_own_clock(std::string_view control_plane);

struct LabState {
  Layout layout;
  std::string control_plane = "embedded";  // or "real"
  std::vector<Component> components;       // in starting order

  std::string clock_file() const { return layout.file("clock"); }
  Component* find(std::string_view name);
  std::string kubeconfig() const { return layout.file("kubeconfig"); }
};

base::Result<LabState> load_state(const std::string& directory);
base::Result<> save_state(const LabState& state);

}  // namespace podid::lab::cluster
