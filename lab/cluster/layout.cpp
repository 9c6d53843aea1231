// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/azure/world/lab_state.hpp"

namespace podid::lab::cluster {

std::string NodeLayout::pod_address(int slot) const {
  return pod_gateway.substr(0, pod_gateway.rfind('.') + 1) + std::to_string(10 + slot);
}

std::string Layout::namespace_prefix() const { return "podid-" + name + "-"; }

std::string Layout::control_plane_namespace() const { return namespace_prefix() + "cp"; }

std::string Layout::node_namespace(std::string_view node) const {
  return fmt::format("{}n-{}", namespace_prefix(), node);
}

std::string Layout::pod_namespace(std::string_view kube_namespace, std::string_view pod) const {
  // Neither part can hold an underscore, so the name is unambiguous.
  return fmt::format("{}p-{}_{}", namespace_prefix(), kube_namespace, pod);
}

const NodeLayout* Layout::find_node(std::string_view node) const {
  const auto found = std::ranges::find(nodes, node, &NodeLayout::name);
  return found == nodes.end() ? nullptr : &*found;
}

std::string Layout::hosts_file() const {
  std::string text = "127.0.0.1 localhost\n::1 localhost\n";
  text +=
      fmt::format("{} {}\n{} {}\n{} {}\n", kLoginAddress, kLoginHost, kArmAddress, kArmHost, kVaultAddress, kVaultHost);
  for (const NodeLayout& node : nodes) text += fmt::format("{} {}\n", node.address, node.name);
  return text;
}

base::Result<Layout> make_layout(std::string name, std::string directory, std::size_t node_count) {
  const bool allowed =
      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  if (name.empty() || name.size() > 16 || !allowed) {
    return base::fail(base::ErrorKind::invalid, "lab name \"" + name + "\": use 1 to 16 characters of a-z and 0-9");
  }
  if (node_count < 1 || node_count > kMaxNodes) {
    return base::fail(base::ErrorKind::invalid, fmt::format("{} nodes: use 1 to {}", node_count, kMaxNodes));
  }
  Layout layout{.name = std::move(name), .directory = std::move(directory), .nodes = {}};
  for (std::size_t i = 0; i < node_count; ++i) {
    NodeLayout node;
    node.name = std::string("node-") + static_cast<char>('a' + i);
    node.address = fmt::format("10.80.0.{}", 11 + i);
    node.pod_gateway = fmt::format("10.244.{}.1", i + 1);
    node.pod_subnet = fmt::format("10.244.{}.0/24", i + 1);
    node.control_plane_link = fmt::format("to-{}", node.name);
    const azure::LabNames& names = azure::lab_names();
    node.provider_id = i == 0 ? "azure://" + names.node_a_machine
                              : fmt::format("azure://{}/virtualMachines/{}", names.node_b_machine, i - 1);
    layout.nodes.push_back(std::move(node));
  }
  return layout;
}

std::string default_directory(std::string_view name) { return fmt::format("/run/podid/lab/{}", name); }

}  // namespace podid::lab::cluster
