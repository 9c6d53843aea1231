// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/tokens/token_issuer.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <ranges>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

std::string v1_issuer(std::string_view tenant_id) { return fmt::format("https://sts.windows.net/{}/", tenant_id); }

std::string v2_issuer(std::string_view tenant_id) {
  return fmt::format("https://login.microsoftonline.com/{}/v2.0", tenant_id);
}

std::string_view without_slash(std::string_view audience) {
  if (audience.ends_with('/')) audience.remove_suffix(1);
  return audience;
}

// Opaque identifiers of Entra ID (uti, rh, aio) are base64url of random bytes.
std::string opaque_id(base::Random& random, int words) {
  std::string bytes;
  for (int i = 0; i < words; ++i) {
    const std::uint64_t word = random.next();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return base::base64url(bytes);
}

}  // namespace

std::string_view to_string(TokenProblem problem) {
  switch (problem) {
    case TokenProblem::malformed:
      return "malformed";
    case TokenProblem::unknown_key:
      return "unknown key";
    case TokenProblem::bad_signature:
      return "bad signature";
    case TokenProblem::wrong_issuer:
      return "wrong issuer";
    case TokenProblem::wrong_audience:
      return "wrong audience";
    case TokenProblem::not_yet_valid:
      return "not yet valid";
    case TokenProblem::expired:
      return "expired";
  }
  return "";
}

TokenIssuer::TokenIssuer(base::Clock& clock, base::Random& random, Statistics& statistics, SigningKey key)
    : clock_(&clock), random_(&random), statistics_(&statistics), keys_{std::move(key)} {}

base::Result<TokenIssuer> TokenIssuer::create(base::Clock& clock, base::Random& random, Statistics& statistics) {
  auto key = SigningKey::generate();
  if (!key) return std::unexpected(key.error());
  return TokenIssuer(clock, random, statistics, std::move(*key));
}

base::Result<IssuedToken> TokenIssuer::issue(std::string_view source, const TokenSubject& subject,
                                             std::string_view audience, int version, std::chrono::seconds lifetime) {
  const base::WallTime now = clock_->wall_now();
  // Entra ID dates tokens back by five minutes, for clocks that are slow.
  const base::WallTime not_before = now - std::chrono::minutes(5);
  const base::WallTime expires = now + lifetime;
  json::object claims{{"aud", audience},
                      {"iss", version == 1 ? v1_issuer(subject.tenant_id) : v2_issuer(subject.tenant_id)},
                      {"iat", base::unix_seconds(not_before)},
                      {"nbf", base::unix_seconds(not_before)},
                      {"exp", base::unix_seconds(expires)},
                      {"aio", opaque_id(*random_, 3)},
                      {version == 1 ? "appid" : "azp", subject.client_id},
                      {version == 1 ? "appidacr" : "azpacr", subject.authentication},
                      {"idtyp", "app"},
                      {"oid", subject.object_id},
                      {"rh", "1." + opaque_id(*random_, 4) + "."},
                      {"sub", subject.object_id},
                      {"tid", subject.tenant_id},
                      {"uti", opaque_id(*random_, 2)},
                      {"ver", version == 1 ? "1.0" : "2.0"}};
  if (version == 1) claims["idp"] = v1_issuer(subject.tenant_id);
  if (!subject.managed_identity_id.empty()) claims["xms_mirid"] = subject.managed_identity_id;
  if (!subject.capabilities.empty()) claims["xms_cc"] = json::value_from(subject.capabilities);
  const SigningKey& key = keys_.back();
  json::object header{{"kid", key.id()}};
  if (version == 1) header["x5t"] = key.id();
  auto text = sign_jwt(key.native(), header, claims);
  if (!text) return std::unexpected(text.error());
  statistics_->record_issued(source, subject.client_id, audience);
  return IssuedToken{.text = std::move(*text), .issued = now, .not_before = not_before, .expires = expires};
}

base::Result<> TokenIssuer::rotate_keys() {
  auto key = SigningKey::generate();
  if (!key) return std::unexpected(key.error());
  keys_.push_back(std::move(*key));
  return {};
}

json::object TokenIssuer::key_set(std::string_view issuer) const {
  json::array keys;
  for (const SigningKey& key : keys_ | std::views::reverse) {
    json::object jwk = key.public_jwk();
    jwk["issuer"] = issuer;
    keys.push_back(std::move(jwk));
  }
  return {{"keys", std::move(keys)}};
}

std::expected<json::object, TokenProblem> TokenIssuer::check(std::string_view token, std::string_view tenant_id,
                                                             const std::vector<std::string>& audiences) const {
  auto jwt = decode_jwt(token);
  if (!jwt) return std::unexpected(TokenProblem::malformed);
  const auto key = std::ranges::find(keys_, jwt->header_text("kid").value_or(""), &SigningKey::id);
  if (key == keys_.end()) return std::unexpected(TokenProblem::unknown_key);
  if (!verify_jwt(*jwt, key->native())) return std::unexpected(TokenProblem::bad_signature);
  const std::string issuer = jwt->claim("iss").value_or("");
  if (issuer != v1_issuer(tenant_id) && issuer != v2_issuer(tenant_id)) {
    return std::unexpected(TokenProblem::wrong_issuer);
  }
  const std::string audience = jwt->claim("aud").value_or("");
  if (std::ranges::none_of(
          audiences, [&](const std::string& accepted) { return without_slash(accepted) == without_slash(audience); })) {
    return std::unexpected(TokenProblem::wrong_audience);
  }
  const std::int64_t now = base::unix_seconds(clock_->wall_now());
  if (jwt->number("nbf").value_or(0) > now) return std::unexpected(TokenProblem::not_yet_valid);
  if (jwt->number("exp").value_or(0) <= now) return std::unexpected(TokenProblem::expired);
  return std::move(jwt->claims);
}

}  // namespace podid::lab::azure
