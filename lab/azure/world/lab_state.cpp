// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/lab_state.hpp"

#include <fmt/format.h>

namespace podid::lab::azure {
namespace {

constexpr std::string_view kManagement = "https://management.azure.com";

// Identifiers that say what they are of: the first digits name the kind of thing, the last ones the thing.
std::string guid(std::string_view kind, int number) { return fmt::format("{}-0000-4000-8000-{:012}", kind, number); }
std::string client_guid(int number) { return guid("c1c1c1c1", number); }
std::string object_guid(int number) { return guid("0b0b0b0b", number); }

std::string identity_id(std::string_view name) {
  return user_assigned_identity_id(kLabSubscriptionId, kLabResourceGroup, name);
}

Application application(int number, std::string_view name) {
  Application out;
  out.tenant_id = kLabTenantId;
  out.object_id = object_guid(number);
  out.name = name;
  return out;
}

ClientSecret lasting_secret(const std::string& value) {
  return {.value = base::Secret(value), .expires = std::nullopt};
}

void add_identities(World& world, const LabNames& names) {
  int number = 1;
  for (const std::string& id : {names.app_one, names.app_two, names.app_three, names.node_identity}) {
    world.user_assigned_identities[id] = {.client_id = client_guid(number),
                                          .principal_id = object_guid(number),
                                          .tenant_id = std::string(kLabTenantId),
                                          .location = std::string(kLabLocation)};
    ++number;
  }
}

void add_machines(World& world, const LabNames& names, std::string_view node_a_address,
                  std::string_view node_b_address) {
  for (const std::string& id : {names.node_a_machine, names.node_b_machine}) {
    Machine& machine = world.machines[id];
    machine.location = kLabLocation;
    machine.identity.user_assigned.insert(names.node_identity);
  }
  const auto add_node = [&](std::string name, const std::string& machine, std::string instance, int number,
                            std::string_view address) {
    Node& node = world.nodes[std::move(name)];
    node.machine_id = machine;
    node.instance_id = std::move(instance);
    node.vm_id = guid("22222222", number);
    if (!address.empty()) node.addresses.emplace_back(address);
  };
  add_node("node-a", names.node_a_machine, "", 0, node_a_address);
  add_node("node-b", names.node_b_machine, "0", 1, node_b_address);
}

void add_applications(World& world, const LabNames& names, std::string_view pod_certificate_pem) {
  Application mic = application(101, "mic");
  mic.secrets["main"] = lasting_secret(names.mic_secret);
  Application pod_secret = application(102, "pod-secret");
  pod_secret.secrets["main"] = lasting_secret(names.pod_secret);
  Application pod_certificate = application(103, "pod-certificate");
  if (!pod_certificate_pem.empty()) pod_certificate.certificates["main"] = pod_certificate_pem;

  // What aad-pod-identity's documentation asks for: Virtual Machine Contributor and Managed Identity Operator.
  world.role_assignments["mic"] = {
      .principal_id = mic.object_id,
      .scope = fmt::format("/subscriptions/{}/resourceGroups/{}", kLabSubscriptionId, kLabResourceGroup),
      .actions = {"Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachineScaleSets/*",
                  "Microsoft.ManagedIdentity/userAssignedIdentities/*"}};
  world.applications.emplace(names.mic_client_id, std::move(mic));
  world.applications.emplace(names.pod_secret_client_id, std::move(pod_secret));
  world.applications.emplace(names.pod_certificate_client_id, std::move(pod_certificate));
}

void add_vault(World& world, const LabNames& names) {
  Vault& vault = world.vaults[std::string(kLabVaultHost)];
  vault.tenant_id = kLabTenantId;
  vault.secrets["greeting"] = base::Secret("hello from the vault");
  vault.secrets["password"] = base::Secret("a password of the lab");
  for (const std::string& id : {names.app_one, names.app_two}) {
    vault.readers.insert(world.user_assigned_identities[id].principal_id);
  }
  for (const std::string& id : {names.pod_secret_client_id, names.pod_certificate_client_id}) {
    vault.readers.insert(world.applications[id].object_id);
  }
}

}  // namespace

const LabNames& lab_names() {
  static const LabNames kNames{
      .node_a_machine = virtual_machine_id(kLabSubscriptionId, kLabResourceGroup, "node-a"),
      .node_b_machine = scale_set_id(kLabSubscriptionId, kLabResourceGroup, kLabScaleSet),
      .app_one = identity_id("app-one"),
      .app_two = identity_id("app-two"),
      .app_three = identity_id("app-three"),
      .node_identity = identity_id("node-identity"),
      .mic_client_id = client_guid(101),
      .mic_secret = "lab-secret-of-the-mic",
      .pod_secret_client_id = client_guid(102),
      .pod_secret = "lab-secret-of-a-pod",
      .pod_certificate_client_id = client_guid(103),
  };
  return kNames;
}

World default_world(std::string_view pod_certificate_pem, std::string_view node_a_address,
                    std::string_view node_b_address) {
  const LabNames& names = lab_names();
  World world;
  world.tenants[std::string(kLabTenantId)] = {.domain = std::string(kLabTenantDomain)};
  world.subscriptions[std::string(kLabSubscriptionId)] = {.tenant_id = std::string(kLabTenantId),
                                                          .resource_groups = {std::string(kLabResourceGroup)}};
  // The application IDs are Microsoft's own for these services.
  world.token_resources[std::string(kManagement)] = {.app_id = "797f4846-ba00-4fd7-ba43-dac1f8f63013",
                                                     .token_version = 1};
  world.token_resources["https://management.core.windows.net"] = {.app_id = {}, .token_version = 1};
  world.token_resources["https://vault.azure.net"] = {.app_id = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
                                                      .token_version = 1};
  world.token_resources["https://graph.microsoft.com"] = {.app_id = "00000003-0000-0000-c000-000000000000",
                                                          .token_version = 1};
  world.token_resources["https://storage.azure.com"] = {.app_id = "e406a681-f3d4-42a8-90b6-c2b029497af1",
                                                        .token_version = 1};
  world.token_resources["api://lab-version-2"] = {.app_id = guid("a2a2a2a2", 1), .token_version = 2};
  add_identities(world, names);
  add_machines(world, names, node_a_address, node_b_address);
  add_applications(world, names, pod_certificate_pem);
  add_vault(world, names);
  return world;
}

}  // namespace podid::lab::azure
