// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/files.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/file.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "lab/apiserver/wire/kubeconfig.hpp"
#include "lab/azure/program.hpp"
#include "lab/azure/tokens/lab_ca.hpp"
#include "lab/azure/world/lab_state.hpp"

namespace podid::lab::cluster {
namespace {

namespace json = boost::json;
constexpr unsigned kSecretMode = 0600;

struct User {
  std::string_view kubeconfig;  // file name
  std::string_view name;
  std::string_view groups;
};
// The names under which the manifests in deploy/ bind their roles.
constexpr User kUsers[] = {
    {"inside.kubeconfig", "lab-admin", "system:masters"},
    {"mic.kubeconfig", "system:serviceaccount:default:aad-pod-id-mic-service-account", "system:serviceaccounts"},
    {"nmi.kubeconfig", "system:serviceaccount:default:aad-pod-id-nmi-service-account", "system:serviceaccounts"},
};
// Two people without any right on a real control plane, for what takes two (docs/cli.md): alice.kubeconfig, for use outside.
constexpr std::string_view kPeople[] = {"alice", "bob"};

base::Secret token_for(const std::string& tokens_csv, std::string_view user) {
  for (const std::string_view line : base::split(tokens_csv, '\n')) {
    const auto fields = base::split(line, ',');
    if (fields.size() > 1 && fields[1] == user) return base::Secret(std::string(fields[0]));
  }
  return {};
}

// Nodes beyond the two of the default world are further instances of the scale set.
void add_nodes(azure::World& world, const Layout& layout) {
  for (std::size_t i = 2; i < layout.nodes.size(); ++i) {
    azure::Node node = world.nodes.at("node-b");
    node.instance_id = std::to_string(i - 1);
    node.vm_id = fmt::format("22222222-2222-4222-8222-{:012}", i);
    node.addresses = {layout.nodes[i].address};
    world.nodes.emplace(layout.nodes[i].name, std::move(node));
  }
}

azure::SimulatorOptions simulator_options(const azure::CertificateAndKey& server) {
  using azure::Role;
  azure::SimulatorOptions options;
  const auto listener = [](Role role, std::string_view address, int port) {
    return azure::ListenerOptions{
        .role = role, .address = std::string(address), .port = static_cast<std::uint16_t>(port), .node = {}};
  };
  options.listeners = {listener(Role::imds, kMetadataAddress, 80), listener(Role::entra, kLoginAddress, 443),
                       listener(Role::arm, kArmAddress, 443), listener(Role::vault, kVaultAddress, 443),
                       listener(Role::control, kControlPlaneAddress, kAzureControlPort)};
  options.tls = {.certificate_chain_pem = server.certificate_pem, .key_pem = server.key_pem};
  return options;
}

json::value names_document(const azure::World& world) {
  const azure::LabNames& names = azure::lab_names();
  json::object identities;
  for (const auto& [id, identity] : world.user_assigned_identities) {
    const std::string name(std::string_view(id).substr(id.rfind('/') + 1));
    identities[name] = {{"resourceID", id}, {"clientID", identity.client_id}, {"objectID", identity.principal_id}};
  }
  return {{"tenantID", azure::kLabTenantId},
          {"subscriptionID", azure::kLabSubscriptionId},
          {"machines", {{"node-a", names.node_a_machine}, {"node-b", names.node_b_machine}}},
          {"identities", std::move(identities)},
          {"servicePrincipals",
           {{"pod-secret", {{"clientID", names.pod_secret_client_id}, {"clientSecret", names.pod_secret}}},
            {"pod-certificate", {{"clientID", names.pod_certificate_client_id}}}}}};
}

struct File {
  std::string name;
  std::string content;
  unsigned mode = 0644;
};

base::Result<> write_all(const Layout& layout, const std::vector<File>& files) {
  for (const File& file : files) {
    auto written = base::write_file(layout.file(file.name), file.content, file.mode);
    if (!written) return written;
  }
  return {};
}

}  // namespace

base::Result<> write_lab_files(const Layout& layout, base::Clock& clock, base::Random& random) {
  const base::WallTime now = clock.wall_now();
  auto ca = azure::LabCa::create("Pod Identity lab " + layout.name, now);
  if (!ca) return std::unexpected(ca.error());
  std::vector<std::string> names = azure::azure_host_names();
  for (const std::string_view name :
       {"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1"}) {
    names.emplace_back(name);
  }
  for (const std::string_view address : {kControlPlaneAddress, kLoginAddress, kArmAddress, kVaultAddress})
    names.emplace_back(address);
  const auto server = ca->issue(names, now);
  if (!server) return std::unexpected(server.error());
  const auto sign_in = azure::make_sign_in_certificate("pod-certificate", now - std::chrono::hours(24 * 3650),
                                                       now + std::chrono::hours(24 * 3650));
  if (!sign_in) return std::unexpected(sign_in.error());
  const auto p12 = azure::to_pkcs12(*sign_in, "", azure::Pkcs12Flavour::modern);
  if (!p12) return std::unexpected(p12.error());

  const std::string& node_b = layout.nodes.size() > 1 ? layout.nodes[1].address : std::string();
  azure::World world = azure::default_world(sign_in->certificate_pem, layout.nodes[0].address, node_b);
  add_nodes(world, layout);
  const azure::LabNames& ids = azure::lab_names();
  const json::value cloud = {{"cloud", "AzurePublicCloud"},
                             {"tenantId", azure::kLabTenantId},
                             {"subscriptionId", azure::kLabSubscriptionId},
                             {"resourceGroup", azure::kLabResourceGroup},
                             {"aadClientId", ids.mic_client_id},
                             {"aadClientSecret", ids.mic_secret},
                             {"useManagedIdentityExtension", false}};

  std::string tokens;
  for (const User& user : kUsers)
    tokens += fmt::format("{},{},{},\"{}\"\n", random.uuid(), user.name, user.name, user.groups);
  for (const std::string_view person : kPeople)
    tokens += fmt::format("{},{},{},\"people\"\n", random.uuid(), person, person);
  const azure::ProgramOptions program{.world = world, .simulator = simulator_options(*server)};
  std::vector<File> files = {
      {"ca.pem", ca->certificate_pem()},
      {"server.pem", server->certificate_pem},
      {"server.key", std::string(server->key_pem.reveal()), kSecretMode},
      {"tokens.csv", tokens, kSecretMode},
      {"azure.json", json::serialize(azure::write_program_options(program)), kSecretMode},
      {"cloud.json", json::serialize(cloud), kSecretMode},
      {"names.json", json::serialize(names_document(world)), kSecretMode},
      {"pod-certificate.p12", *p12, kSecretMode},
      {"hosts", layout.hosts_file()},
      {"resolv.conf", ""},
  };
  const std::string inside = fmt::format("https://{}:{}", kControlPlaneAddress, kApiServerPort);
  for (const User& user : kUsers) {
    files.push_back({std::string(user.kubeconfig),
                     lab::apiserver::make_kubeconfig(inside, ca->certificate_pem(), token_for(tokens, user.name)),
                     kSecretMode});
  }
  return write_all(layout, files);
}

base::Result<> write_outside_kubeconfig(const Layout& layout, std::uint16_t port) {
  const auto ca = base::read_file(layout.file("ca.pem"));
  if (!ca) return std::unexpected(ca.error());
  const auto tokens = base::read_file(layout.file("tokens.csv"));
  if (!tokens) return std::unexpected(tokens.error());
  const std::string server = fmt::format("https://127.0.0.1:{}", port);
  const auto kubeconfig_of = [&](std::string_view user) {
    return lab::apiserver::make_kubeconfig(server, *ca, token_for(*tokens, user));
  };
  std::vector<File> files{{"kubeconfig", kubeconfig_of(kUsers[0].name), kSecretMode}};
  for (const std::string_view person : kPeople)
    files.push_back({fmt::format("{}.kubeconfig", person), kubeconfig_of(person), kSecretMode});
  return write_all(layout, files);
}

}  // namespace podid::lab::cluster
