// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/credential.hpp"

#include <initializer_list>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

// Joined by a character that no part contains.
std::string join_key(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) key.append(part).append("\n");
  return key;
}

std::string managed_key(const Credential& credential) {
  return join_key({"msi", base::to_lower(credential.client_id), base::to_lower(credential.resource_id),
                   base::to_lower(credential.object_id)});
}

}  // namespace

Credential credential_of(const core::AzureIdentity& identity) {
  Credential credential;
  credential.type = identity.type;
  credential.client_id = identity.client_id;
  credential.identity = identity.meta.key();
  if (identity.user_assigned()) {
    // Always by client ID where there is one, also when the pod asked by resource ID (nmi.md §10.1).
    if (identity.client_id.empty()) credential.resource_id = identity.resource_id;
    credential.key = managed_key(credential);
    return credential;
  }
  credential.namespaced = identity.namespaced();
  credential.tenant_id = identity.tenant_id;
  if (identity.type == core::IdentityType::service_principal_secret) {
    credential.auxiliary_tenant_ids = identity.auxiliary_tenant_ids;
  }
  credential.directory = identity.ad_endpoint;
  credential.secret = identity.client_password;
  if (credential.secret.ns.empty()) credential.secret.ns = identity.meta.ns;
  credential.key = join_key({"sp", std::to_string(static_cast<std::int64_t>(identity.type)), identity.meta.ns,
                             identity.meta.name, credential.client_id, credential.tenant_id, credential.directory,
                             credential.secret.ns, credential.secret.name, credential.namespaced ? "namespaced" : ""});
  for (const std::string& tenant : credential.auxiliary_tenant_ids) credential.key.append(tenant).append("\n");
  return credential;
}

Credential node_credential(std::string_view client_id, std::string_view resource_id, std::string_view object_id) {
  Credential credential;
  // One selector at most: the endpoint refuses two.
  credential.client_id = client_id;
  if (client_id.empty()) credential.resource_id = resource_id;
  if (client_id.empty() && resource_id.empty()) credential.object_id = object_id;
  credential.key = managed_key(credential);
  return credential;
}

}  // namespace podid::nmi
