// SPDX-License-Identifier: Apache-2.0
// Whose token an endpoint has handed out, held against what was asked for. Pure.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "azure/access_token.hpp"
#include "base/error.hpp"
#include "nmi/token/credential.hpp"

namespace podid::nmi {

// What an answer says of the identity that its token is for; empty: nothing. Azure compares all of it without case.
struct TokenOwner {
  bool readable = false;    // the token is a JWT, not sealed for its audience
  std::string client_id;    // the answer's own
  std::string app_id;       // the token's appid, in version 2 azp
  std::string object_id;    // the token's oid
  std::string resource_id;  // the token's xms_mirid, else the answer's msi_res_id
};
TokenOwner owner_of(const azure::AccessToken& token);

// Whether the token may be issued for an AzureIdentity: it is of the identity that spec.resourceID names, and that one's
// client ID is spec.clientID. Without a resource ID there is only the client ID to compare. The error (`denied`, code
// kClientIdMismatch) is a sentence about it, of bounded length, that does not name it: several may share a fetch.
base::Result<> check_owner(const Credential& credential, const TokenOwner& owner);

// Whether it is the identity of --controller-identity. `credential`: of controllers_credential(). The error: `denied`, code
// kNotControllersIdentity.
base::Result<> check_controllers_own(const Credential& credential, const TokenOwner& owner);

// What the controller has published on the assignment of what Azure says: the same error where that contradicts the
// AzureIdentity.
base::Result<> check_published(const core::AzureAssignedIdentity& assigned);

// The message of an error of withheld_for(), with the name of the AzureIdentity; null: none.
std::string withheld_text(const core::AzureIdentity* identity, const base::Error& error);

// The errors of a token of which that cannot be told: one that was asked for by resource ID, and by client ID in its place.
base::Error unproven_owner();
base::Error unproven_by_client_id();

// --never-issue: client, object and resource IDs of identities whose tokens nobody gets.
class NeverIssue {
 public:
  explicit NeverIssue(const std::vector<std::string>& ids);
  // The error: `denied`, code kNeverIssued.
  base::Result<> check(const Credential& credential) const;
  base::Result<> check(const TokenOwner& owner) const;

 private:
  bool lists(std::string_view id) const;
  std::set<std::string> ids_;  // lower case
};

// What is wrong with a value of --never-issue, or "".
std::string problem_with_never_issue(std::string_view id);
// The same of --controller-identity.
std::string problem_with_controller_identity(std::string_view id);

}  // namespace podid::nmi
