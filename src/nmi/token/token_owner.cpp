// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_owner.hpp"

#include <fmt/format.h>

#include <array>

#include "azure/jwt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"
#include "core/model/redact.hpp"
#include "core/serving.hpp"
#include "nmi/token/token_source.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kMaxShownId = 64;  // a client ID has 36 characters

bool same(std::string_view a, std::string_view b) { return base::iequals(base::trim(a), base::trim(b)); }

std::unexpected<base::Error> withheld(std::string_view code, std::string message) {
  std::unexpected<base::Error> error = base::fail(base::ErrorKind::denied, std::move(message));
  error.error().code = code;
  return error;
}

std::unexpected<base::Error> wrong_client_id(std::string_view right_one) {
  return withheld(kClientIdMismatch,
                  fmt::format("spec.clientID is not the client ID of the identity that spec.resourceID names, which is "
                              "{}; nothing is issued until the AzureIdentity is corrected",
                              core::redact(right_one.substr(0, kMaxShownId))));
}

bool is_guid(std::string_view id) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (id.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (kForm[i] == '-' ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

TokenOwner owner_of(const azure::AccessToken& token) {
  TokenOwner owner;
  owner.client_id = token.client_id;
  owner.resource_id = token.msi_res_id;
  const base::Result<azure::Jwt> jwt = azure::parse_jwt(token.access_token.reveal());
  if (!jwt) return owner;
  owner.readable = true;
  owner.app_id = base::text_at(jwt->claims, {"appid"});
  if (owner.app_id.empty()) owner.app_id = base::text_at(jwt->claims, {"azp"});
  owner.object_id = base::text_at(jwt->claims, {"oid"});
  if (const std::string_view resource_id = base::text_at(jwt->claims, {"xms_mirid"}); !resource_id.empty()) {
    owner.resource_id = resource_id;
  }
  return owner;
}

base::Result<> check_owner(const Credential& credential, const TokenOwner& owner) {
  const bool by_resource = !credential.resource_id.empty();
  if (by_resource && !owner.resource_id.empty() && !same(owner.resource_id, credential.resource_id.text())) {
    return withheld(kClientIdMismatch,
                    "the token that came is of another identity than the one that spec.resourceID names; nothing is "
                    "issued until the AzureIdentity is corrected");
  }
  const bool with_client = !base::trim(credential.client_id.text()).empty();
  for (const std::string_view found : {std::string_view(owner.client_id), std::string_view(owner.app_id)}) {
    if (!with_client || found.empty() || same(found, credential.client_id.text())) continue;
    if (!by_resource) {
      return withheld(kClientIdMismatch,
                      "the token that came is of another identity than the one that spec.clientID names; nothing is "
                      "issued");
    }
    return wrong_client_id(found);
  }
  if (!by_resource) return {};
  // An endpoint that does not know how to select by resource ID gives its default identity's token. With a client ID that
  // was found out above, where the answer names one. Without, only a token that names its resource ID, or one that nobody
  // can read, is taken for what was asked for.
  const bool told =
      with_client ? !owner.client_id.empty() || !owner.app_id.empty() : !owner.resource_id.empty() || !owner.readable;
  if (!told) return std::unexpected(unproven_owner());
  return {};
}

base::Result<> check_controllers_own(const Credential& credential, const TokenOwner& owner) {
  if (credential.client_id.empty()) {
    if (!base::to_lower(owner.resource_id).contains("/userassignedidentities/")) return {};
    return withheld(kNotControllersIdentity,
                    "the node has no system-assigned identity, which is the only one that the controller may have "
                    "(--controller-identity of the NMI): the metadata endpoint gave another");
  }
  for (const std::string_view found : {std::string_view(owner.client_id), std::string_view(owner.app_id)}) {
    if (found.empty() || same(found, credential.client_id.text())) continue;
    return withheld(kNotControllersIdentity,
                    "the token that came is of another identity than the one that the controller may have "
                    "(--controller-identity of the NMI)");
  }
  return {};
}

base::Result<> check_published(const core::AzureAssignedIdentity& assigned) {
  const std::string_view of_azure = core::value_or_empty(assigned.meta.annotations, core::kAzureClientIdAnnotation);
  if (!assigned.identity.user_assigned() || base::trim(assigned.identity.client_id.text()).empty()) return {};
  if (base::trim(of_azure).empty() || same(of_azure, assigned.identity.client_id.text())) return {};
  return wrong_client_id(of_azure);
}

std::string withheld_text(const core::AzureIdentity* identity, const base::Error& error) {
  if (identity == nullptr) return error.message;
  return fmt::format("AzureIdentity {}: {}", identity->meta.key().text(), error.message);
}

base::Error unproven_owner() {
  return withheld(
             kClientIdMismatch,
             "it cannot be told whether the token that came is of the identity that spec.resourceID names; nothing "
             "is issued")
      .error();
}

base::Error unproven_by_client_id() {
  return withheld(
             kClientIdMismatch,
             "the metadata endpoint does not choose by spec.resourceID, and the token that it gave for spec.clientID "
             "does not say which identity it is of; nothing is issued")
      .error();
}

NeverIssue::NeverIssue(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) ids_.insert(base::to_lower(base::trim(id)));
}

bool NeverIssue::lists(std::string_view id) const { return ids_.contains(base::to_lower(base::trim(id))); }

base::Result<> NeverIssue::check(const Credential& credential) const {
  if (credential.whom == Credential::For::controller) return {};
  TokenOwner asked;
  asked.client_id = credential.client_id.text();
  asked.object_id = credential.object_id.text();
  asked.resource_id = credential.resource_id.text();
  return check(asked);
}

base::Result<> NeverIssue::check(const TokenOwner& owner) const {
  if (ids_.empty()) return {};
  const std::array<std::string_view, 4> all = {owner.client_id, owner.app_id, owner.object_id, owner.resource_id};
  for (const std::string_view id : all) {
    if (id.empty() || !lists(id)) continue;
    return withheld(kNeverIssued,
                    "the operator has excluded this identity (--never-issue of the NMI): no pod gets its tokens, "
                    "whatever is bound");
  }
  return {};
}

std::string problem_with_controller_identity(std::string_view id) {
  if (id.empty() || id == core::kSystemIdentity || is_guid(id)) return {};
  return fmt::format("\"{}\" is neither \"{}\" nor a client ID", id, core::kSystemIdentity);
}

std::string problem_with_never_issue(std::string_view id) {
  if (is_guid(id) || core::is_valid_identity_resource_id(core::ResourceIdView(id))) return {};
  return fmt::format("\"{}\" is neither a client ID nor the resource ID of a user-assigned identity", id);
}

}  // namespace podid::nmi
