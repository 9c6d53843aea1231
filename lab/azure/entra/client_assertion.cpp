// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/entra/client_assertion.hpp"

#include <fmt/format.h>
#include <openssl/asn1.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/tokens/jwt.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {
namespace {

constexpr std::chrono::minutes kClockSkew{5};

// Thumbprints come in base64url, and from MSAL Go in standard base64.
std::optional<std::string> decode_thumbprint(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (auto bytes = base::base64url_decode(*text)) return bytes;
  return base::base64_decode(*text);
}

std::unexpected<EntraError> refused(std::int64_t code, std::string text) {
  return std::unexpected(EntraError{.status = 401, .error = "invalid_client", .code = code, .text = std::move(text)});
}

CertificatePtr find_certificate(const Jwt& jwt, const Application& application) {
  const auto sha1_print = decode_thumbprint(jwt.header_text("x5t"));
  const auto sha256_print = decode_thumbprint(jwt.header_text("x5t#S256"));
  for (const auto& [name, pem] : application.certificates) {
    CertificatePtr certificate = parse_certificate_pem(pem);
    if (certificate == nullptr) continue;
    const std::string der = certificate_der(*certificate);
    if ((sha1_print || sha256_print) && (!sha1_print || *sha1_print == sha1(der)) &&
        (!sha256_print || *sha256_print == sha256(der))) {
      return certificate;
    }
  }
  return nullptr;
}

bool names_audience(const Jwt& jwt, const std::vector<std::string>& audiences) {
  std::string audience = jwt.claim("aud").value_or("");
  audience.resize(std::min(audience.size(), audience.find('?')));
  return std::ranges::any_of(audiences, [&](const std::string& accepted) { return base::iequals(accepted, audience); });
}

bool is_within_validity(X509& certificate, base::WallTime now) {
  std::time_t at = base::unix_seconds(now);
  return X509_cmp_time(X509_get0_notBefore(&certificate), &at) < 0 &&
         X509_cmp_time(X509_get0_notAfter(&certificate), &at) > 0;
}

}  // namespace

std::expected<void, EntraError> check_client_assertion(std::string_view assertion, std::string_view client_id,
                                                       const Application& application,
                                                       const std::vector<std::string>& audiences, base::WallTime now) {
  const auto jwt = decode_jwt(assertion);
  if (!jwt) {
    return std::unexpected(EntraError{
        .status = 400, .error = "invalid_request", .code = 50027, .text = "JWT token is invalid or malformed."});
  }
  const CertificatePtr certificate = find_certificate(*jwt, application);
  if (certificate == nullptr) {
    return refused(700027, fmt::format("The certificate with identifier used to sign the client assertion is not "
                                       "registered on application. [Reason - The key was not found.] Please visit "
                                       "the Azure Portal and check the certificates of the application '{}'.",
                                       client_id));
  }
  if (!verify_jwt(*jwt, X509_get0_pubkey(certificate.get()))) {
    return refused(700027, fmt::format("Client assertion failed signature validation. [Reason - The provided "
                                       "signature value did not match the expected signature value. Application "
                                       "'{}'.]",
                                       client_id));
  }
  if (!is_within_validity(*certificate, now)) {
    return refused(1000502, "The provided certificate is not within its specified validity window.");
  }
  if (!base::iequals(jwt->claim("iss").value_or(""), client_id) ||
      !base::iequals(jwt->claim("sub").value_or(""), client_id)) {
    return refused(700021, "Client assertion application identifier doesn't match 'client_id' parameter.");
  }
  if (!names_audience(*jwt, audiences)) {
    return refused(700023, fmt::format("Client assertion audience claim does not match Realm issuer. Review the "
                                       "documentation. Found '{}'.",
                                       jwt->claim("aud").value_or("")));
  }
  const auto expires = jwt->number("exp");
  const base::WallTime not_before = base::from_unix_seconds(jwt->number("nbf").value_or(0));
  if (!expires || base::from_unix_seconds(*expires) + kClockSkew <= now || not_before - kClockSkew > now) {
    return refused(700024,
                   fmt::format("Client assertion is not within its valid time range. Current time: {}, assertion "
                               "valid from {}, expiry time of assertion {}. Review the documentation.",
                               base::format_rfc3339(now), base::format_rfc3339(not_before),
                               base::format_rfc3339(base::from_unix_seconds(expires.value_or(0)))));
  }
  return {};
}

}  // namespace podid::lab::azure
