// SPDX-License-Identifier: Apache-2.0
// The command lines of a lab's programs. Pure.
#pragma once
#include <string>
#include <vector>

#include "base/error.hpp"
#include "lab/cluster/state.hpp"

namespace podid::lab::cluster {

// Paths of the programs that a lab runs.
struct Binaries {
  std::string podid_lab, mic, nmi;   // of this build
  std::string kube_apiserver, etcd;  // --control-plane real only
  std::string clock;                 // the library of lab/clock
};

struct LabOptions {
  std::size_t mics = 1;
  std::string control_plane = "embedded";   // or "real"
  std::vector<std::string> nmi_flags = {};  // added to every NMI's command line
  std::vector<std::string> mic_flags = {};
};

// In starting order: azure, the control plane, door, node-agent, mic-0 …, nmi-<node> ….
std::vector<Component> make_components(const Layout& layout, const LabOptions& options, const Binaries& binaries);

// Ports, the same in every namespace.
inline constexpr int kNmiProbePort = 8085;
int mic_probe_port(std::size_t index);

}  // namespace podid::lab::cluster
