// SPDX-License-Identifier: Apache-2.0
// JSON web tokens in compact form: signed with RS256, read back and verified.
#pragma once
#include <openssl/types.h>

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "azure/certificate.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace podid::azure {

// base64url(header).base64url(claims).base64url(signature). `key` is RSA. The header gets "alg".
base::Result<std::string> sign_jwt(boost::json::object header, const boost::json::object& claims, EVP_PKEY* key);

struct Jwt {
  boost::json::object header;
  boost::json::object claims;
  std::string signed_part;  // header.claims as received
  std::string signature;    // bytes
};
base::Result<Jwt> parse_jwt(std::string_view text);
// Whether `key` made the RS256 signature.
bool verify_jwt(const Jwt& jwt, EVP_PKEY* key);

// The client assertion of nmi.md §10.3 for the token endpoint `audience`: header x5t, x5t#S256 and x5c, valid
// from `now` for kAssertionLifetime, with a fresh jti.
inline constexpr std::chrono::hours kAssertionLifetime{24};
base::Result<std::string> client_assertion(const Certificate& certificate, std::string_view client_id,
                                           std::string_view audience, base::WallTime now, base::Random& random);

}  // namespace podid::azure
