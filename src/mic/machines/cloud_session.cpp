// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/cloud_session.hpp"

#include <utility>

#include "azure/cloud.hpp"
#include "azure/http_options.hpp"
#include "mic/machines/limits.hpp"

namespace podid::mic {

base::Result<std::shared_ptr<CloudSession>> CloudSession::create(base::Executor executor,
                                                                 const net::HttpTransportFactory& http,
                                                                 azure::CloudConfig config, const CloudOptions& options,
                                                                 base::Clock& clock, base::Random& random) {
  auto cloud = azure::find_cloud(config.cloud, options.environment_file);
  if (!cloud) return std::unexpected(cloud.error());
  // The controller's own secret may go to its own cloud's directory, also where that is one of Azure Stack's.
  auto directories = azure::DirectoryEndpoints::create({cloud->active_directory_endpoint});
  if (!directories) return std::unexpected(directories.error());
  net::HttpClientOptions client = azure::http_client_options(options.user_agent);
  client.tls.ca_pem = options.ca_pem;
  auto transport = http(executor, std::move(client));
  if (!transport) return std::unexpected(transport.error());

  std::shared_ptr<CloudSession> session(new CloudSession(std::move(config), clock));
  session->http_ = std::move(*transport);
  auto imds = azure::ImdsClient::create({.endpoint = options.imds_endpoint}, *session->http_, clock, random);
  if (!imds) return std::unexpected(imds.error());
  session->imds_ = std::make_unique<azure::ImdsClient>(std::move(*imds));
  session->entra_ = std::make_unique<azure::EntraClient>(std::move(*directories), *session->http_, clock, random);
  session->tokens_ =
      std::make_unique<azure::ArmTokenProvider>(session->config_, *cloud, *session->imds_, *session->entra_, clock);
  auto arm = azure::ArmClient::create(options.arm, cloud->resource_manager_endpoint, *session->http_, *session->tokens_,
                                      clock, random);
  if (!arm) return std::unexpected(arm.error());
  session->arm_ = std::move(*arm);
  session->compute_ = std::make_unique<azure::ComputeClient>(options.compute, *session->arm_, clock);
  return session;
}

base::Task<azure::UpdateResult> CloudSession::update(azure::AzureResource resource, azure::IdentityChange change) {
  const base::SteadyTime deadline = clock_.steady_now() + kAzureUpdateLimit;
  azure::UpdateResult result = co_await compute_->update(std::move(resource), std::move(change), deadline);
  co_return result;
}

base::Task<base::Result<std::map<std::string, azure::IdentityState>>> CloudSession::list(
    azure::AzureResource collection) {
  const base::SteadyTime deadline = clock_.steady_now() + kAzureUpdateLimit;
  auto all = co_await compute_->list(std::move(collection), deadline);
  co_return all;
}

base::Task<base::Result<std::map<std::string, azure::IdentityState>>> CloudIdentityApi::list(
    azure::AzureResource collection) {
  const std::shared_ptr<CloudSession> session = session_;
  auto all = co_await session->list(std::move(collection));
  co_return all;
}

base::Task<azure::UpdateResult> CloudIdentityApi::update(azure::AzureResource resource, azure::IdentityChange change) {
  const std::shared_ptr<CloudSession> session = session_;
  azure::UpdateResult result = co_await session->update(std::move(resource), std::move(change));
  co_return result;
}

}  // namespace podid::mic
