// SPDX-License-Identifier: Apache-2.0
// The world that the lab starts with, and the names in it that demos and tests use.
#pragma once
#include <string>
#include <string_view>

#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

inline constexpr std::string_view kLabTenantId = "33333333-3333-4333-8333-333333333333";
inline constexpr std::string_view kLabTenantDomain = "lab.onmicrosoft.com";
inline constexpr std::string_view kLabSubscriptionId = "44444444-4444-4444-8444-444444444444";
inline constexpr std::string_view kLabResourceGroup = "lab";
inline constexpr std::string_view kLabLocation = "westeurope";
inline constexpr std::string_view kLabVaultHost = "store.vault.azure.net";
inline constexpr std::string_view kLabScaleSet = "pool";

// Nodes: node-a is the VM "node-a"; node-b is instance 0 of the scale set "pool".
// User-assigned identities (kLabResourceGroup): "app-one", "app-two", "app-three"; none of them is assigned
// at the start. "app-one" and "app-two" may read the vault. "node-identity" is assigned to both machines and
// may not. Applications: "mic" (secret; may update the machines and assign every identity of the resource
// group), "pod-secret" (secret; reads the vault), "pod-certificate" (certificate; reads the vault). Vault
// kLabVaultHost: the secrets "greeting" and "password".
struct LabNames {
  std::string node_a_machine;  // resource IDs
  std::string node_b_machine;
  std::string app_one, app_two, app_three, node_identity;
  std::string mic_client_id, mic_secret;
  std::string pod_secret_client_id, pod_secret;
  std::string pod_certificate_client_id;
};
const LabNames& lab_names();

// `pod_certificate_pem` is registered with the application "pod-certificate"; its key stays with the caller
// (see lab_ca.hpp). `node_a_address` and `node_b_address` are the sources from which the nodes ask IMDS.
World default_world(std::string_view pod_certificate_pem, std::string_view node_a_address,
                    std::string_view node_b_address);

}  // namespace podid::lab::azure
