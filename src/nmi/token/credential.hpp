// SPDX-License-Identifier: Apache-2.0
// As what a token is asked for: the part of an identity that reaches IMDS or Entra ID.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"

namespace podid::nmi {

// Immutable; shared between snapshots and threads.
struct Credential {
  core::IdentityType type = core::IdentityType::user_assigned;
  // A managed identity is asked for by its resource ID where it has one; the token must then be of this client ID. Else by
  // client ID, else (of the node's own identities) by object ID.
  core::ClientId client_id;
  core::ResourceId resource_id;
  core::ObjectId object_id;
  core::ObjectKey identity;  // the AzureIdentity, for messages and the namespace rule of API-1
  // Whom it is for: a bound identity is compared with what comes back; an excepted pod gets whatever the endpoint has, the
  // controller even what --never-issue names.
  enum class For : std::uint8_t { bound, excepted, controller };
  For whom = For::bound;
  // The controller gets this identity alone: the one of client_id, or where that is empty the system-assigned one.
  bool controllers_own = false;
  // Service principals.
  bool namespaced = false;
  std::string tenant_id;
  std::vector<std::string> auxiliary_tenant_ids;
  std::string directory;
  core::SecretReference secret;

  // Equal keys get equal tokens, and different ones share none. A managed identity's key is what is asked for and what must
  // come back, so that naming somebody else's client ID beside a resource ID of one's own finds no token of theirs. What
  // is not compared has a key of another kind. A service principal's key holds the identity's name as well as its secret's,
  // to the same end.
  std::string key;
};

Credential credential_of(const core::AzureIdentity& identity);

// What an excepted pod or the controller asks the node's endpoint for (nmi.md §5.2, NMI-17). All empty: the
// system-assigned or only identity.
Credential node_credential(Credential::For whom, core::ClientIdView client_id, core::ResourceIdView resource_id,
                           core::ObjectIdView object_id);

// What whoever is let through as the controller asks for where --controller-identity (a client ID, or core::kSystemIdentity)
// names the only identity that it may have.
Credential controllers_credential(std::string_view controller_identity);

// Appends a part to a key that others may not be able to imitate by what they put into a part.
void append_to_key(std::string& key, std::string_view part);

}  // namespace podid::nmi
