// SPDX-License-Identifier: Apache-2.0
// Tokens from the node's endpoint and from Entra ID, with the credentials that Secrets hold (nmi.md §10).
#pragma once
#include <vector>

#include "azure/entra_client.hpp"
#include "azure/imds_client.hpp"
#include "base/log_budget.hpp"
#include "base/metrics/metrics.hpp"
#include "nmi/token/token_owner.hpp"
#include "nmi/token/token_source.hpp"

namespace podid::nmi {

// The data of Kubernetes Secrets.
class SecretReader {
 public:
  virtual ~SecretReader() = default;
  struct Data {
    // Decoded values by key.
    std::vector<std::pair<std::string, base::Secret>> values;
  };
  virtual base::Task<base::Result<Data>> read(core::SecretReference secret, base::SteadyTime deadline) = 0;
};

struct AzureTokenSourceOptions {
  bool namespaced = false;                     // the process runs in namespaced mode
  bool allow_cross_namespace_secrets = false;  // API-1
  std::vector<std::string> never_issue = {};   // NeverIssue
};

// Nothing but a token of the identity that the request's credential names gets out, and none that is never issued: else
// fetch() fails with an error of withheld_for(). One executor. References outlive it.
class AzureTokenSource final : public TokenSource {
 public:
  AzureTokenSource(AzureTokenSourceOptions options, azure::ImdsClient& imds, azure::EntraClient& entra,
                   SecretReader& secrets, base::Clock& clock, base::MetricsRegistry& metrics);

  base::Task<base::Result<std::vector<azure::AccessToken>>> fetch(TokenRequest request,
                                                                  base::SteadyTime deadline) override;

 private:
  using Tokens = base::Result<std::vector<azure::AccessToken>>;
  base::Task<Tokens> fetch_unchecked(const TokenRequest& request, base::SteadyTime deadline);
  base::Result<> check(const Credential& credential, const std::vector<azure::AccessToken>& tokens) const;
  base::Task<Tokens> from_imds(const TokenRequest& request, base::SteadyTime deadline);
  // The same request by client ID, of an endpoint that does not choose by resource ID.
  base::Task<base::Result<azure::AccessToken>> by_client_id(azure::ImdsTokenRequest request,
                                                            const Credential& credential, base::SteadyTime deadline);
  base::Task<Tokens> from_directory(const TokenRequest& request, base::SteadyTime deadline);
  base::Task<base::Result<azure::ClientCredential>> client_credential(const Credential& credential,
                                                                      base::SteadyTime deadline);

  const AzureTokenSourceOptions options_;
  const NeverIssue never_issue_;
  azure::ImdsClient& imds_;
  azure::EntraClient& entra_;
  SecretReader& secrets_;
  base::Clock& clock_;
  base::Family<base::Histogram>& durations_;
  base::Family<base::Counter>& errors_;
  base::LogBudget log_budget_;
};

// Whether an identity may use a Secret of that namespace (API-1). The error says what to change.
base::Result<> check_secret_namespace(const Credential& credential, const AzureTokenSourceOptions& options);

// The claims parameter for Entra ID out of a request's claims and xms_cc. `invalid` when claims is not a JSON object.
base::Result<std::string> claims_for_directory(const TokenRequest& request);

// The client secret among a Secret's entries (API-2): "clientSecret", else the only one. The error names the keys.
base::Result<base::Secret> choose_client_secret(const SecretReader::Data& data, const core::SecretReference& name);

}  // namespace podid::nmi
