// SPDX-License-Identifier: Apache-2.0
// Names and addresses of a lab: everything that is fixed before anything is made. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::lab::cluster {

// All addresses live in namespaces of the lab's own, so every lab uses the same ones.
inline constexpr std::string_view kControlPlaneAddress = "10.80.0.1";
inline constexpr std::string_view kLoginAddress = "10.80.0.2";
inline constexpr std::string_view kArmAddress = "10.80.0.3";
inline constexpr std::string_view kVaultAddress = "10.80.0.4";
inline constexpr std::string_view kMetadataAddress = "169.254.169.254";
inline constexpr std::string_view kLoginHost = "login.microsoftonline.com";
inline constexpr std::string_view kArmHost = "management.azure.com";
inline constexpr std::string_view kVaultHost = "store.vault.azure.net";
inline constexpr int kApiServerPort = 6443;
inline constexpr int kAzureControlPort = 9900;
inline constexpr std::size_t kMaxNodes = 20;

struct NodeLayout {
  std::string name;                // node-a
  std::string address;             // 10.80.0.11: what Azure and the API server see
  std::string pod_gateway;         // 10.244.1.1
  std::string pod_subnet;          // 10.244.1.0/24
  std::string provider_id;         // azure:///subscriptions/…
  std::string control_plane_link;  // name of the node's link on the control plane's bridge

  // The address of the node's n-th pod slot, 0 <= n < kPodSlots.
  std::string pod_address(int slot) const;
};
inline constexpr int kPodSlots = 240;

struct Layout {
  std::string name;       // of the lab
  std::string directory;  // all of the lab's files
  std::vector<NodeLayout> nodes;

  std::string control_plane_namespace() const;
  std::string node_namespace(std::string_view node) const;
  std::string pod_namespace(std::string_view kube_namespace, std::string_view pod) const;
  // Every namespace of this lab starts with it, and no other lab's does.
  std::string namespace_prefix() const;
  std::string file(std::string_view relative) const { return directory + "/" + std::string(relative); }
  const NodeLayout* find_node(std::string_view node) const;
  // The content of /etc/hosts for every process of the lab.
  std::string hosts_file() const;
};

// `name`: 1 to 16 characters of a-z, 0-9 (no hyphen: prefixes must not overlap). Node k (from 0) is "node-a",
// "node-b" …; the first is a stand-alone VM, the others instances of one scale set.
base::Result<Layout> make_layout(std::string name, std::string directory, std::size_t node_count);

// Where a lab keeps its state unless told otherwise: gone after a reboot, as its namespaces are.
std::string default_directory(std::string_view name);

}  // namespace podid::lab::cluster
