// SPDX-License-Identifier: Apache-2.0
// JSON Web Tokens, signed and taken apart (RFC 7515, 7519). Only RSA: RS256 and PS256.
#pragma once
#include <openssl/types.h>

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::lab::azure {

// A private key that signs tokens. Cheap to copy.
class SigningKey {
 public:
  static base::Result<SigningKey> generate();

  // base64url of the SHA-1 of the public key: how the key set and a token's header name it.
  const std::string& id() const { return id_; }
  EVP_PKEY* native() const { return key_.get(); }
  // {"kty": "RSA", "use": "sig", "kid": ..., "x5t": ..., "n": ..., "e": ...}
  boost::json::object public_jwk() const;

 private:
  SigningKey(std::shared_ptr<EVP_PKEY> key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}
  std::shared_ptr<EVP_PKEY> key_;
  std::string id_;
};

// With RS256. `header` gets "typ" and "alg" put before its members.
base::Result<std::string> sign_jwt(EVP_PKEY* key, const boost::json::object& header, const boost::json::object& claims);

struct Jwt {
  boost::json::object header;
  boost::json::object claims;
  std::string signed_part;  // what the signature covers
  std::string signature;

  // A claim or header member that is a text / a number; nothing when absent or of another type.
  std::optional<std::string> claim(std::string_view name) const;
  std::optional<std::int64_t> number(std::string_view name) const;
  std::optional<std::string> header_text(std::string_view name) const;
};
// Nothing when it is not three base64url parts with JSON objects in the first two, or larger than 64 KiB.
std::optional<Jwt> decode_jwt(std::string_view text);
// By the algorithm of its header, RS256 or PS256; false for any other.
bool verify_jwt(const Jwt& jwt, EVP_PKEY* public_key);

}  // namespace podid::lab::azure
