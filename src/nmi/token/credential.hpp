// SPDX-License-Identifier: Apache-2.0
// As what a token is asked for: the part of an identity that reaches IMDS or Entra ID.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/resources.hpp"

namespace podid::nmi {

// Immutable; shared between snapshots and threads.
struct Credential {
  core::IdentityType type = core::IdentityType::user_assigned;
  std::string client_id;
  std::string resource_id;  // managed identity without a client ID: selects by ARM resource ID
  std::string object_id;    // likewise
  // Service principals.
  core::ObjectKey identity;  // the AzureIdentity, for messages and the namespace rule of API-1
  bool namespaced = false;
  std::string tenant_id;
  std::vector<std::string> auxiliary_tenant_ids;
  std::string directory;
  core::SecretReference secret;

  // Equal keys get equal tokens. A service principal's key holds the identity's name as well as its secret's, so that
  // naming somebody else's client ID in an identity of one's own finds no token of theirs.
  std::string key;
};

Credential credential_of(const core::AzureIdentity& identity);

// What an excepted pod or the controller asks the node's endpoint for (nmi.md §5.2, NMI-17). All empty: the
// system-assigned or only identity.
Credential node_credential(std::string_view client_id, std::string_view resource_id, std::string_view object_id);

}  // namespace podid::nmi
