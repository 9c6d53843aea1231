// SPDX-License-Identifier: Apache-2.0
// Everything that talks to Azure with one configuration, and the swap to a new one (mic.md §7.7, MIC-19).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "azure/arm_client.hpp"
#include "azure/arm_token_provider.hpp"
#include "azure/cloud_config.hpp"
#include "azure/compute_client.hpp"
#include "azure/entra_client.hpp"
#include "azure/imds_client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "mic/machines/identity_api.hpp"
#include "net/http_transport.hpp"

namespace podid::mic {

struct CloudOptions {
  std::string user_agent;
  std::string environment_file;  // AZURE_ENVIRONMENT_FILEPATH
  std::string imds_endpoint = azure::ImdsOptions{}.endpoint;
  std::string ca_pem;  // empty: the system's trust store
  azure::ArmOptions arm;
  azure::ComputeOptions compute;
};

// One configuration's clients. One executor; destroy it after every call ended.
class CloudSession {
 public:
  static base::Result<std::shared_ptr<CloudSession>> create(base::Executor executor,
                                                            const net::HttpTransportFactory& http,
                                                            azure::CloudConfig config, const CloudOptions& options,
                                                            base::Clock& clock, base::Random& random);

  const azure::CloudConfig& config() const { return config_; }
  base::Task<azure::UpdateResult> update(azure::AzureResource resource, azure::IdentityChange change);
  base::Task<base::Result<std::map<std::string, azure::IdentityState>>> list(azure::AzureResource collection);

 private:
  explicit CloudSession(azure::CloudConfig config, base::Clock& clock) : config_(std::move(config)), clock_(clock) {}

  azure::CloudConfig config_;
  base::Clock& clock_;
  std::unique_ptr<net::HttpTransport> http_;
  std::unique_ptr<azure::ImdsClient> imds_;
  std::unique_ptr<azure::EntraClient> entra_;
  std::unique_ptr<azure::ArmTokenProvider> tokens_;
  std::unique_ptr<azure::ArmClient> arm_;
  std::unique_ptr<azure::ComputeClient> compute_;
};

// The session of the newest good configuration; a call under way keeps the one that it began with.
class CloudIdentityApi final : public IdentityApi {
 public:
  explicit CloudIdentityApi(std::shared_ptr<CloudSession> session) : session_(std::move(session)) {}

  void replace(std::shared_ptr<CloudSession> session) { session_ = std::move(session); }
  const azure::CloudConfig& config() const { return session_->config(); }
  base::Task<azure::UpdateResult> update(azure::AzureResource resource, azure::IdentityChange change) override;
  base::Task<base::Result<std::map<std::string, azure::IdentityState>>> list(azure::AzureResource collection) override;

 private:
  std::shared_ptr<CloudSession> session_;
};

}  // namespace podid::mic
