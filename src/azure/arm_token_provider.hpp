// SPDX-License-Identifier: Apache-2.0
// The controller's own token for the resource manager (mic.md §7.1).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "azure/cloud.hpp"
#include "azure/cloud_config.hpp"
#include "azure/entra_client.hpp"
#include "azure/imds_client.hpp"

namespace podid::azure {

// Remembers the token and asks for a new one when less than kMinTokenLife is left. Concurrent callers share
// one request and its outcome. One executor; references outlive it.
class ArmTokenProvider {
 public:
  static constexpr std::chrono::minutes kMinTokenLife{5};

  // `config` says which source: IMDS (system-assigned or by client id), else the client-secret grant at the
  // cloud's directory.
  ArmTokenProvider(const CloudConfig& config, const Cloud& cloud, ImdsClient& imds, EntraClient& entra,
                   base::Clock& clock);

  // `deadline` of the injected clock. A caller that joins a request under way waits for that one's deadline.
  base::Task<base::Result<base::Secret>> token(base::SteadyTime deadline);
  // Forget `rejected`, which the resource manager answered with 401. A newer token stays.
  void reject(const base::Secret& rejected);

 private:
  struct Flight;
  class Landing;
  base::Task<base::Result<AccessToken>> request(base::SteadyTime deadline);
  bool is_fresh(const AccessToken& token) const;

  std::variant<ImdsTokenRequest, EntraTokenRequest> source_;
  ImdsClient& imds_;
  EntraClient& entra_;
  base::Clock& clock_;
  std::optional<AccessToken> token_;
  std::shared_ptr<Flight> flight_;
};

}  // namespace podid::azure
