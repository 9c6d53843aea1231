// SPDX-License-Identifier: Apache-2.0
#include "azure/jwt.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "azure/json_fields.hpp"
#include "azure/openssl_ptr.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;
using DigestContext = OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size, algorithm, nullptr);
  out.resize(size);
  return out;
}

// go-autorest pads its base64url, and the directory has always been sent it so.
std::string padded(std::string text) {
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string random_bytes(base::Random& random, std::size_t count) {
  std::string out;
  while (out.size() < count) {
    std::uint64_t word = random.next();
    for (std::size_t i = 0; i < sizeof word && out.size() < count; ++i, word >>= 8) {
      out += static_cast<char>(word & 0xff);
    }
  }
  return out;
}

base::Result<boost::json::object> decode_part(std::string_view part) {
  const auto json = base::base64url_decode(part);
  if (!json) return fail(ErrorKind::invalid, "a part of the token is not base64url");
  return parse_object(*json);
}

}  // namespace

base::Result<std::string> sign_jwt(boost::json::object header, const boost::json::object& claims, EVP_PKEY* key) {
  header["alg"] = "RS256";
  std::string text = fmt::format("{}.{}", base::base64url(boost::json::serialize(header)),
                                 base::base64url(boost::json::serialize(claims)));
  const DigestContext context(EVP_MD_CTX_new());
  const ErrorQueueGuard guard;
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
    return fail(ErrorKind::invalid, "the private key cannot sign with RS256");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(text),
                     text.size()) != 1) {
    return fail(ErrorKind::invalid, "signing with the private key failed");
  }
  signature.resize(size);
  return fmt::format("{}.{}", text, base::base64url(signature));
}

base::Result<Jwt> parse_jwt(std::string_view text) {
  const auto parts = base::split(text, '.');
  if (parts.size() != 3) return fail(ErrorKind::invalid, "not a token of three parts");
  auto header = decode_part(parts[0]);
  if (!header) return fail(header.error(), "header");
  auto claims = decode_part(parts[1]);
  if (!claims) return fail(claims.error(), "claims");
  auto signature = base::base64url_decode(parts[2]);
  if (!signature) return fail(ErrorKind::invalid, "the signature is not base64url");
  return Jwt{.header = std::move(*header),
             .claims = std::move(*claims),
             .signed_part = std::string(text.substr(0, parts[0].size() + 1 + parts[1].size())),
             .signature = std::move(*signature)};
}

bool verify_jwt(const Jwt& jwt, EVP_PKEY* key) {
  if (base::text_at(jwt.header, {"alg"}) != "RS256") return false;
  const DigestContext context(EVP_MD_CTX_new());
  const ErrorQueueGuard guard;
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(jwt.signature), jwt.signature.size(), bytes_of(jwt.signed_part),
                          jwt.signed_part.size()) == 1;
}

base::Result<std::string> client_assertion(const Certificate& certificate, std::string_view client_id,
                                           std::string_view audience, base::WallTime now, base::Random& random) {
  if (const auto valid = check_validity(certificate, now); !valid) return std::unexpected(valid.error());
  constexpr std::size_t kIdBytes = 20;
  boost::json::array chain = {base::base64(certificate.der())};
  for (const std::string& der : certificate.chain()) chain.emplace_back(base::base64(der));

  boost::json::object header;
  header["typ"] = "JWT";
  header["x5t"] = padded(base::base64url(digest(EVP_sha1(), certificate.der())));
  header["x5t#S256"] = base::base64url(digest(EVP_sha256(), certificate.der()));
  header["x5c"] = std::move(chain);

  boost::json::object claims;
  claims["aud"] = audience;
  claims["iss"] = client_id;
  claims["sub"] = client_id;
  claims["jti"] = padded(base::base64url(random_bytes(random, kIdBytes)));
  claims["nbf"] = base::unix_seconds(now);
  claims["exp"] = base::unix_seconds(now + kAssertionLifetime);
  return sign_jwt(std::move(header), claims, certificate.key());
}

}  // namespace podid::azure
