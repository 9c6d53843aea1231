// SPDX-License-Identifier: Apache-2.0
// The Entra ID v1 token request and its errors as pure functions (nmi.md §10.2 to §10.4, azure-wire.md §2).
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "azure/access_token.hpp"
#include "azure/certificate.hpp"
#include "net/http.hpp"

namespace podid::azure {

using ClientCredential = std::variant<base::Secret, Certificate>;

struct EntraTokenRequest {
  std::string directory;  // base URL; empty: kDefaultDirectory
  std::string tenant_id;
  std::string client_id;
  std::string resource;
  ClientCredential credential;
  std::string claims = {};  // JSON, from claims_request(); empty: none
};

// The claims parameter of a request (azure-wire.md §2.2): `claims`, a JSON object or empty, with the client's
// capabilities, a list with commas ("CP1"), as access_token.xms_cc. Empty when both are. `invalid` for other JSON.
base::Result<std::string> claims_request(std::string_view claims, std::string_view capabilities);

// The form fields, sorted by name. `assertion` is the signed JWT when the credential is a certificate.
// Errors for empty inputs have aad-pod-identity's texts and mean that nothing was sent.
base::Result<std::string> entra_form(const EntraTokenRequest& request, std::string_view assertion);

// POST of `form` to a token URL's target.
net::Request entra_token_request(std::string form, std::string_view target);

}  // namespace podid::azure
