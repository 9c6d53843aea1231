// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/credential.hpp"

#include <initializer_list>

#include "base/text.hpp"
#include "core/serving.hpp"

namespace podid::nmi {
namespace {

// Each with its length before it: no part can pass for two, whatever it contains.
std::string join_key(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) append_to_key(key, part);
  return key;
}

std::string managed_key(std::string_view kind, const Credential& credential) {
  return join_key({kind, base::to_lower(credential.client_id.text()), base::to_lower(credential.resource_id.text()),
                   base::to_lower(credential.object_id.text())});
}

}  // namespace

void append_to_key(std::string& key, std::string_view part) {
  key.append(std::to_string(part.size())).append(":").append(part);
}

Credential credential_of(const core::AzureIdentity& identity) {
  Credential credential;
  credential.type = identity.type;
  credential.client_id = identity.client_id;
  credential.identity = identity.meta.key();
  if (identity.user_assigned()) {
    credential.resource_id = identity.resource_id;
    credential.key = managed_key("msi", credential);
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
  credential.key =
      join_key({"sp", std::to_string(static_cast<std::int64_t>(identity.type)), identity.meta.ns, identity.meta.name,
                credential.client_id.text(), credential.tenant_id, credential.directory, credential.secret.ns,
                credential.secret.name, credential.namespaced ? "namespaced" : ""});
  for (const std::string& tenant : credential.auxiliary_tenant_ids) append_to_key(credential.key, tenant);
  return credential;
}

Credential node_credential(Credential::For whom, core::ClientIdView client_id, core::ResourceIdView resource_id,
                           core::ObjectIdView object_id) {
  Credential credential;
  credential.whom = whom;
  // One selector at most: the endpoint refuses two.
  credential.client_id = core::ClientId(client_id);
  if (client_id.empty()) credential.resource_id = core::ResourceId(resource_id);
  if (client_id.empty() && resource_id.empty()) credential.object_id = core::ObjectId(object_id);
  credential.key = managed_key(whom == Credential::For::controller ? "controller" : "excepted", credential);
  return credential;
}

Credential controllers_credential(std::string_view controller_identity) {
  Credential credential;
  credential.whom = Credential::For::controller;
  credential.controllers_own = true;
  if (controller_identity != core::kSystemIdentity)
    credential.client_id = core::ClientId(std::string(controller_identity));
  credential.key = managed_key("controller's own", credential);
  return credential;
}

}  // namespace podid::nmi
