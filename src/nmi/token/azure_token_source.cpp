// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/azure_token_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/model/redact.hpp"

namespace podid::nmi {
namespace {

constexpr int kBadRequest = 400;

const base::Secret* value_of(const SecretReader::Data& data, std::string_view key) {
  const auto found =
      std::ranges::find(data.values, key, [](const auto& value) { return std::string_view(value.first); });
  return found == data.values.end() ? nullptr : &found->second;
}

std::string_view imds_operation(const Credential& credential) {
  return credential.client_id.empty() && credential.resource_id.empty() && credential.object_id.empty()
             ? "adal_token_msi"
             : "adal_token_msi_userassignedid";
}

// Of an endpoint's refusal of a request by resource ID that also could be made by client ID.
bool may_not_know_resource_ids(const Credential& credential, const base::Error& error) {
  if (credential.whom != Credential::For::bound || credential.resource_id.empty() ||
      base::trim(credential.client_id.text()).empty())
    return false;
  if (error.http_status != kBadRequest || error.message.contains("Identity not found")) return false;
  return error.code != "invalid_resource" && !error.code.starts_with("AADSTS");
}

// What came is of an identity that was not asked for, by its own word.
bool ignores_resource_ids(const Credential& credential, const TokenOwner& owner) {
  return credential.whom == Credential::For::bound && !credential.resource_id.empty() &&
         !base::trim(credential.client_id.text()).empty() && !owner.resource_id.empty() &&
         !base::iequals(base::trim(owner.resource_id), base::trim(credential.resource_id.text()));
}

}  // namespace

base::Result<> check_secret_namespace(const Credential& credential, const AzureTokenSourceOptions& options) {
  if (credential.secret.ns == credential.identity.ns) return {};
  const bool allowed = options.allow_cross_namespace_secrets && !options.namespaced && !credential.namespaced;
  if (allowed) return {};
  return base::fail(
      base::ErrorKind::denied,
      fmt::format(
          "AzureIdentity {} may not use the Secret {}/{} of another namespace: move the Secret into namespace {}, "
          "or have the operator start the NMI with --allow-cross-namespace-secrets",
          credential.identity.text(), credential.secret.ns, credential.secret.name, credential.identity.ns));
}

base::Result<std::string> claims_for_directory(const TokenRequest& request) {
  const auto value = [&request](std::string_view name) {
    const auto found =
        std::ranges::find(request.extra, name, [](const auto& pair) { return std::string_view(pair.first); });
    return found == request.extra.end() ? std::string_view() : std::string_view(found->second);
  };
  return azure::claims_request(value("claims"), value("xms_cc"));
}

base::Result<base::Secret> choose_client_secret(const SecretReader::Data& data, const core::SecretReference& name) {
  if (const base::Secret* secret = value_of(data, "clientSecret")) return *secret;
  if (data.values.size() == 1) return data.values.front().second;
  std::string keys;
  for (const auto& [key, value] : data.values) keys.append(keys.empty() ? "" : ", ").append(key);
  return base::fail(base::ErrorKind::invalid,
                    fmt::format("Kubernetes secret {}/{} must have the key clientSecret, or one key alone; it has {}",
                                name.ns, name.name, keys.empty() ? "none" : keys));
}

AzureTokenSource::AzureTokenSource(AzureTokenSourceOptions options, azure::ImdsClient& imds, azure::EntraClient& entra,
                                   SecretReader& secrets, base::Clock& clock, base::MetricsRegistry& metrics)
    : options_(std::move(options)),
      never_issue_(options_.never_issue),
      imds_(imds),
      entra_(entra),
      secrets_(secrets),
      clock_(clock),
      durations_(metrics.histogram(base::metric::kImdsOperationsDuration)),
      errors_(metrics.counter(base::metric::kImdsOperationsErrors)) {}

base::Task<AzureTokenSource::Tokens> AzureTokenSource::fetch(TokenRequest request, base::SteadyTime deadline) {
  const base::SteadyTime start = clock_.steady_now();
  const bool managed = request.credential->type == core::IdentityType::user_assigned;
  Tokens tokens = co_await fetch_unchecked(request, deadline);
  if (tokens) {
    base::Result<> mine = check(*request.credential, *tokens);
    if (!mine) tokens = std::unexpected(std::move(mine.error()));
  }
  const std::string_view operation = managed ? imds_operation(*request.credential) : "adal_token";
  if (tokens) {
    durations_.observe({operation}, base::in_seconds(clock_.steady_now() - start));
  } else {
    errors_.increment({operation});
  }
  co_return tokens;
}

base::Task<AzureTokenSource::Tokens> AzureTokenSource::fetch_unchecked(const TokenRequest& request,
                                                                       base::SteadyTime deadline) {
  base::Result<> allowed = never_issue_.check(*request.credential);
  if (!allowed) co_return std::unexpected(std::move(allowed.error()));
  Tokens tokens;
  if (request.credential->type == core::IdentityType::user_assigned) {
    tokens = co_await from_imds(request, deadline);
  } else {
    tokens = co_await from_directory(request, deadline);
  }
  co_return tokens;
}

base::Result<> AzureTokenSource::check(const Credential& credential,
                                       const std::vector<azure::AccessToken>& tokens) const {
  if (credential.whom == Credential::For::controller && !credential.controllers_own) return {};
  for (const azure::AccessToken& token : tokens) {
    const TokenOwner owner = owner_of(token);
    if (credential.controllers_own) {
      if (base::Result<> own = check_controllers_own(credential, owner); !own) return own;
      continue;
    }
    if (base::Result<> allowed = never_issue_.check(owner); !allowed) return allowed;
    if (credential.whom != Credential::For::bound) continue;
    if (base::Result<> mine = check_owner(credential, owner); !mine) return mine;
  }
  return {};
}

// An endpoint that does not know msi_res_id (a cloud of one's own) refuses to choose among several identities, or gives its
// only or its system-assigned one whatever is asked for. It is asked again by client ID. That a VM has no such identity is
// the word of one that does know.
base::Task<AzureTokenSource::Tokens> AzureTokenSource::from_imds(const TokenRequest& request,
                                                                 base::SteadyTime deadline) {
  azure::ImdsTokenRequest imds;
  imds.resource = request.resource;
  const Credential& credential = *request.credential;
  imds.resource_id = credential.resource_id.text();
  if (credential.resource_id.empty()) imds.client_id = credential.client_id.text();
  imds.object_id = credential.object_id.text();
  imds.asker = request.asker;
  imds.extra = request.extra;
  base::Result<azure::AccessToken> token = co_await imds_.token(imds, deadline);
  const bool again =
      token ? ignores_resource_ids(credential, owner_of(*token)) : may_not_know_resource_ids(credential, token.error());
  if (again) {
    token = co_await by_client_id(std::move(imds), credential, deadline);
  }
  if (!token) co_return std::unexpected(std::move(token.error()));
  std::vector<azure::AccessToken> tokens;
  tokens.push_back(std::move(*token));
  co_return tokens;
}

// The client ID is what the AzureIdentity says, so a token that only repeats it would be anybody's whose client ID was named:
// what comes must itself name the resource ID.
base::Task<base::Result<azure::AccessToken>> AzureTokenSource::by_client_id(azure::ImdsTokenRequest request,
                                                                            const Credential& credential,
                                                                            base::SteadyTime deadline) {
  request.resource_id.clear();
  request.client_id = credential.client_id.text();
  base::Result<azure::AccessToken> token = co_await imds_.token(std::move(request), deadline);
  if (log_budget_.take(clock_.steady_now())) {
    base::log::warning("the metadata endpoint does not choose by resource ID: asked by client ID",
                       {{"identity", credential.identity.text()},
                        {"client_id", core::redact(credential.client_id.text())},
                        {"suppressed_before", log_budget_.take_suppressed()}});
  }
  if (token && owner_of(*token).resource_id.empty()) co_return std::unexpected(unproven_by_client_id());
  co_return token;
}

base::Task<AzureTokenSource::Tokens> AzureTokenSource::from_directory(const TokenRequest& request,
                                                                      base::SteadyTime deadline) {
  const Credential& credential = *request.credential;
  const auto type = static_cast<std::int64_t>(credential.type);
  if (credential.type != core::IdentityType::service_principal_secret &&
      credential.type != core::IdentityType::service_principal_certificate) {
    co_return base::fail(base::ErrorKind::invalid, fmt::format("unsupported identity type {}", type));
  }
  base::Result<std::string> claims = claims_for_directory(request);
  if (!claims) co_return std::unexpected(std::move(claims.error()));
  base::Result<azure::ClientCredential> secret = co_await client_credential(credential, deadline);
  if (!secret) co_return std::unexpected(std::move(secret.error()));
  azure::EntraTokenRequest entra{.directory = credential.directory,
                                 .tenant_id = credential.tenant_id,
                                 .client_id = credential.client_id.text(),
                                 .resource = request.resource,
                                 .credential = std::move(*secret),
                                 .claims = std::move(*claims)};
  if (credential.auxiliary_tenant_ids.empty()) {
    base::Result<azure::AccessToken> token = co_await entra_.token(std::move(entra), deadline);
    if (!token) co_return std::unexpected(std::move(token.error()));
    std::vector<azure::AccessToken> tokens;
    tokens.push_back(std::move(*token));
    co_return tokens;
  }
  Tokens tokens = co_await entra_.tokens(std::move(entra), credential.auxiliary_tenant_ids, deadline);
  co_return tokens;
}

base::Task<base::Result<azure::ClientCredential>> AzureTokenSource::client_credential(const Credential& credential,
                                                                                      base::SteadyTime deadline) {
  base::Result<> allowed = check_secret_namespace(credential, options_);
  if (!allowed) co_return std::unexpected(std::move(allowed.error()));
  const base::Result<SecretReader::Data> data = co_await secrets_.read(credential.secret, deadline);
  if (!data) {
    base::Error error = data.error();
    // Not a token endpoint's answer, whatever the API server's status was; and its throttling is no limit of the pod.
    error.http_status = 0;
    error.code.clear();
    if (error.kind == base::ErrorKind::throttled) error.kind = base::ErrorKind::unavailable;
    error.message = fmt::format("failed to get Kubernetes secret {}/{}, err: {}", credential.secret.ns,
                                credential.secret.name, error.message);
    co_return std::unexpected(std::move(error));
  }
  if (credential.type == core::IdentityType::service_principal_secret) {
    base::Result<base::Secret> secret = choose_client_secret(*data, credential.secret);
    if (!secret) co_return std::unexpected(std::move(secret.error()));
    co_return azure::ClientCredential(std::move(*secret));
  }
  const base::Secret* store = value_of(*data, "certificate");
  if (store == nullptr) {
    co_return base::fail(base::ErrorKind::invalid, fmt::format("Kubernetes secret {}/{} has no key certificate",
                                                               credential.secret.ns, credential.secret.name));
  }
  const base::Secret* password = value_of(*data, "password");
  base::Result<azure::Certificate> certificate =
      azure::load_certificate(store->reveal(), password == nullptr ? base::Secret() : *password);
  if (!certificate) {
    co_return base::fail(std::move(certificate.error()), fmt::format("certificate in Kubernetes secret {}/{}",
                                                                     credential.secret.ns, credential.secret.name));
  }
  co_return azure::ClientCredential(std::move(*certificate));
}

}  // namespace podid::nmi
