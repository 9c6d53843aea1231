// SPDX-License-Identifier: Apache-2.0
#include "azure/entra_client.hpp"

#include "azure/http_options.hpp"
#include "azure/jwt.hpp"

namespace podid::azure {
namespace {

constexpr std::chrono::seconds kAttemptTimeout{60};

}  // namespace

EntraClient::EntraClient(DirectoryEndpoints allowed, net::HttpTransport& http, base::Clock& clock, base::Random& random)
    : allowed_(std::move(allowed)), http_(http), clock_(clock), random_(random) {}

base::Task<base::Result<AccessToken>> EntraClient::token(EntraTokenRequest request, base::SteadyTime deadline) {
  const auto url_text = allowed_.token_url(request.directory, request.tenant_id);
  if (!url_text) co_return std::unexpected(url_text.error());
  const auto url = net::parse_url(*url_text);
  if (!url) co_return std::unexpected(url.error());

  std::string assertion;
  if (const auto* certificate = std::get_if<Certificate>(&request.credential)) {
    auto signed_assertion = client_assertion(*certificate, request.client_id, *url_text, clock_.wall_now(), random_);
    if (!signed_assertion) co_return std::unexpected(signed_assertion.error());
    assertion = std::move(*signed_assertion);
  }
  auto form = entra_form(request, assertion);
  if (!form) co_return std::unexpected(form.error());

  net::Request wire = entra_token_request(std::move(*form), url->target);
  const net::Deadline socket_deadline = attempt_deadline(clock_, deadline, kAttemptTimeout);
  const auto response = co_await http_.send(*url, std::move(wire), socket_deadline);
  if (!response) co_return std::unexpected(refresh_not_executed(response.error()));
  co_return read_token_response(*response, *url_text, clock_.wall_now());
}

base::Task<base::Result<std::vector<AccessToken>>> EntraClient::tokens(EntraTokenRequest request,
                                                                       std::vector<std::string> auxiliary_tenants,
                                                                       base::SteadyTime deadline) {
  if (auxiliary_tenants.empty() || auxiliary_tenants.size() > kMaxAuxiliaryTenants) {
    co_return base::fail(base::ErrorKind::invalid, "must specify one to three auxiliary tenants");
  }
  std::vector<AccessToken> tokens;
  auto primary = co_await token(request, deadline);
  if (!primary) co_return base::fail(primary.error(), "failed to refresh primary token");
  tokens.push_back(std::move(*primary));
  for (std::string& tenant : auxiliary_tenants) {
    request.tenant_id = std::move(tenant);
    auto auxiliary = co_await token(request, deadline);
    if (!auxiliary) co_return base::fail(auxiliary.error(), "failed to refresh auxiliary token");
    tokens.push_back(std::move(*auxiliary));
  }
  co_return tokens;
}

}  // namespace podid::azure
