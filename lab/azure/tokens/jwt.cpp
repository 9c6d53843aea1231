// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/tokens/jwt.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxJwtBytes = 64 * 1024;

std::string big_number(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return bytes;
}

std::optional<json::object> decode_part(std::string_view part) {
  const auto bytes = base::base64url_decode(part);
  if (!bytes) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*bytes, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::optional<std::string> text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

}  // namespace

base::Result<SigningKey> SigningKey::generate() {
  std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(2048), EVP_PKEY_free);
  if (key == nullptr) return base::fail(base::ErrorKind::internal, "OpenSSL could not make an RSA key");
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return base::fail(base::ErrorKind::internal, "OpenSSL could not encode an RSA key");
  std::string id = base::base64url(sha1({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}));
  OPENSSL_free(der);
  return SigningKey(std::move(key), std::move(id));
}

json::object SigningKey::public_jwk() const {
  return {{"kty", "RSA"},
          {"use", "sig"},
          {"kid", id_},
          {"x5t", id_},
          {"n", base::base64url(big_number(key_.get(), OSSL_PKEY_PARAM_RSA_N))},
          {"e", base::base64url(big_number(key_.get(), OSSL_PKEY_PARAM_RSA_E))}};
}

base::Result<std::string> sign_jwt(EVP_PKEY* key, const json::object& header, const json::object& claims) {
  json::object whole_header{{"typ", "JWT"}, {"alg", "RS256"}};
  for (const auto& [name, value] : header) whole_header[name] = value;
  std::string token = base::base64url(json::serialize(whole_header)) + "." + base::base64url(json::serialize(claims));
  DigestPtr digest(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(token.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, bytes, token.size()) != 1) {
    return base::fail(base::ErrorKind::internal, "OpenSSL could not sign a token");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, token.size()) !=
      1) {
    return base::fail(base::ErrorKind::internal, "OpenSSL could not sign a token");
  }
  signature.resize(size);
  return token + "." + base::base64url(signature);
}

std::optional<std::string> Jwt::claim(std::string_view name) const { return text_member(claims, name); }

std::optional<std::int64_t> Jwt::number(std::string_view name) const {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  // NumericDate may have a fraction (RFC 7519 §2).
  if (value->is_double() && std::abs(value->get_double()) < 1e15) {
    return static_cast<std::int64_t>(value->get_double());
  }
  return std::nullopt;
}

std::optional<std::string> Jwt::header_text(std::string_view name) const { return text_member(header, name); }

std::optional<Jwt> decode_jwt(std::string_view text) {
  if (text.size() > kMaxJwtBytes) return std::nullopt;
  const std::vector<std::string_view> parts = base::split(text, '.');
  if (parts.size() != 3) return std::nullopt;
  auto header = decode_part(parts[0]);
  auto claims = decode_part(parts[1]);
  auto signature = base::base64url_decode(parts[2]);
  if (!header || !claims || !signature) return std::nullopt;
  return Jwt{.header = std::move(*header),
             .claims = std::move(*claims),
             .signed_part = std::string(text.substr(0, parts[0].size() + 1 + parts[1].size())),
             .signature = std::move(*signature)};
}

bool verify_jwt(const Jwt& jwt, EVP_PKEY* public_key) {
  const std::string algorithm = jwt.header_text("alg").value_or("");
  if (algorithm != "RS256" && algorithm != "PS256") return false;
  if (EVP_PKEY_get_base_id(public_key) != EVP_PKEY_RSA) return false;
  DigestPtr digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;  // belongs to the digest
  if (EVP_DigestVerifyInit(digest.get(), &context, EVP_sha256(), nullptr, public_key) != 1) return false;
  if (algorithm == "PS256" && (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
                               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char*>(jwt.signature.data()),
                          jwt.signature.size(), reinterpret_cast<const unsigned char*>(jwt.signed_part.data()),
                          jwt.signed_part.size()) == 1;
}

}  // namespace podid::lab::azure
