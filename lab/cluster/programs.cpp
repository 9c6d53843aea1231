// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/programs.hpp"

#include <fmt/format.h>

#include "lab/clock/clock_file.hpp"

namespace podid::lab::cluster {
namespace {

std::vector<std::string> api_server_command(const Layout& layout, const Binaries& binaries) {
  return {binaries.podid_lab,
          "serve-apiserver",
          "--address",
          std::string(kControlPlaneAddress),
          "--port",
          std::to_string(kApiServerPort),
          "--certificate-file",
          layout.file("server.pem"),
          "--key-file",
          layout.file("server.key"),
          "--token-file",
          layout.file("tokens.csv"),
          "--state-file",
          layout.file("apiserver.journal")};
}

std::vector<std::string> etcd_command(const Layout& layout, const Binaries& binaries) {
  return {binaries.etcd,
          "--data-dir=" + layout.file("etcd"),
          "--listen-client-urls=http://127.0.0.1:2379",
          "--advertise-client-urls=http://127.0.0.1:2379",
          "--listen-peer-urls=http://127.0.0.1:2380",
          "--unsafe-no-fsync",
          "--log-level=warn"};
}

std::vector<std::string> kube_apiserver_command(const Layout& layout, const Binaries& binaries) {
  return {binaries.kube_apiserver,
          "--etcd-servers=http://127.0.0.1:2379",
          fmt::format("--bind-address={}", kControlPlaneAddress),
          fmt::format("--advertise-address={}", kControlPlaneAddress),
          fmt::format("--secure-port={}", kApiServerPort),
          "--tls-cert-file=" + layout.file("server.pem"),
          "--tls-private-key-file=" + layout.file("server.key"),
          "--token-auth-file=" + layout.file("tokens.csv"),
          "--authorization-mode=RBAC",
          "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority",
          "--service-account-issuer=https://kubernetes.default.svc",
          "--service-account-key-file=" + layout.file("server.pem"),
          "--service-account-signing-key-file=" + layout.file("server.key"),
          "--service-cluster-ip-range=10.96.0.0/16",
          "--cert-dir=" + layout.file("kube-apiserver"),
          "--v=0"};
}

Component component(std::string name, std::string name_space, std::vector<std::string> command) {
  Component made;
  made.name = std::move(name);
  made.network_namespace = std::move(name_space);
  made.command = std::move(command);
  return made;
}

Component mic(const Layout& layout, const Binaries& binaries, const LabOptions& options, std::size_t index) {
  std::vector<std::string> command{binaries.mic,
                                   "--kubeconfig=" + layout.file("mic.kubeconfig"),
                                   "--cloudconfig=" + layout.file("cloud.json"),
                                   fmt::format("--leader-election-instance=mic-{}", index),
                                   fmt::format("--http-probe-port={}", mic_probe_port(index)),
                                   fmt::format("--prometheus-port={}", 8900 + index)};
  command.insert(command.end(), options.mic_flags.begin(), options.mic_flags.end());
  Component made = component(fmt::format("mic-{}", index), layout.control_plane_namespace(), std::move(command));
  made.environment = {{"MIC_POD_NAMESPACE", "default"}, {"SSL_CERT_FILE", layout.file("ca.pem")}};
  return made;
}

Component nmi(const Layout& layout, const Binaries& binaries, const LabOptions& options, const NodeLayout& node) {
  std::vector<std::string> command{binaries.nmi, "--kubeconfig=" + layout.file("nmi.kubeconfig"), "--node=" + node.name,
                                   fmt::format("--http-probe-port={}", kNmiProbePort),
                                   // Nodes of a lab have no kubelet whose configuration could be inspected.
                                   "--allow-network-plugin-kubenet"};
  command.insert(command.end(), options.nmi_flags.begin(), options.nmi_flags.end());
  Component made = component("nmi-" + node.name, layout.node_namespace(node.name), std::move(command));
  made.environment = {{"SSL_CERT_FILE", layout.file("ca.pem")}};
  return made;
}

}  // namespace

int mic_probe_port(std::size_t index) { return 8800 + static_cast<int>(index); }

std::vector<Component> make_components(const Layout& layout, const LabOptions& options, const Binaries& binaries) {
  const std::string inside = layout.control_plane_namespace();
  const std::vector<std::string> own = {"--name", layout.name, "--dir", layout.directory};
  const auto internal = [&](std::string_view verb) {
    std::vector<std::string> command{binaries.podid_lab, std::string(verb)};
    command.insert(command.end(), own.begin(), own.end());
    return command;
  };
  std::vector<Component> all;
  all.push_back(component("azure", inside, {binaries.podid_lab, "serve-azure", "--config", layout.file("azure.json")}));
  if (options.control_plane == "real") {
    all.push_back(component("etcd", inside, etcd_command(layout, binaries)));
    all.push_back(component("apiserver", inside, kube_apiserver_command(layout, binaries)));
  } else {
    all.push_back(component("apiserver", inside, api_server_command(layout, binaries)));
  }
  all.push_back(component("door", "", internal("serve-door")));
  all.push_back(component("node-agent", "", internal("serve-node-agent")));
  for (std::size_t i = 0; i < options.mics; ++i) all.push_back(mic(layout, binaries, options, i));
  for (const NodeLayout& node : layout.nodes) all.push_back(nmi(layout, binaries, options, node));
  if (has_own_clock(options.control_plane)) {
    for (Component& each : all) {
      each.environment.emplace("LD_PRELOAD", binaries.clock);
      each.environment.emplace(clock::kFileVariable, layout.file("clock"));
    }
  }
  return all;
}

}  // namespace podid::lab::cluster
