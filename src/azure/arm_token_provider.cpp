// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_token_provider.hpp"

#include <utility>

#include "base/event.hpp"

namespace podid::azure {
namespace {

std::variant<ImdsTokenRequest, EntraTokenRequest> source_of(const CloudConfig& config, const Cloud& cloud) {
  if (config.use_managed_identity) {
    ImdsTokenRequest request;
    request.resource = cloud.token_audience;
    request.client_id = config.user_assigned_identity_id;
    return request;
  }
  return EntraTokenRequest{.directory = cloud.active_directory_endpoint,
                           .tenant_id = config.tenant_id,
                           .client_id = config.client_id,
                           .resource = cloud.token_audience,
                           .credential = config.client_secret};
}

}  // namespace

// One request for a token under way, and its outcome for those who wait for it; they keep it alive.
struct ArmTokenProvider::Flight {
  explicit Flight(base::Executor executor) : landed(executor) {}

  base::Event landed;
  std::optional<base::Result<base::Secret>> outcome;
};

// Ends the flight when its leader returns or is cancelled.
class ArmTokenProvider::Landing {
 public:
  explicit Landing(ArmTokenProvider& provider) : provider_(provider) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  ~Landing() { std::exchange(provider_.flight_, nullptr)->landed.notify(); }

 private:
  ArmTokenProvider& provider_;
};

ArmTokenProvider::ArmTokenProvider(const CloudConfig& config, const Cloud& cloud, ImdsClient& imds, EntraClient& entra,
                                   base::Clock& clock)
    : source_(source_of(config, cloud)), imds_(imds), entra_(entra), clock_(clock) {}

base::Task<base::Result<base::Secret>> ArmTokenProvider::token(base::SteadyTime deadline) {
  while (flight_ != nullptr) {
    const std::shared_ptr<Flight> flight = flight_;
    co_await flight->landed.wait();
    // Without an outcome the leader was cancelled: then we lead.
    if (flight->outcome) co_return *flight->outcome;
  }
  if (token_ && is_fresh(*token_)) co_return token_->access_token;

  const base::Executor executor = co_await base::asio::this_coro::executor;
  const auto flight = std::make_shared<Flight>(executor);
  flight_ = flight;
  const Landing landing(*this);
  auto result = co_await request(deadline);
  if (!result) {
    // That we were stopped is no answer for the others: one of them asks again.
    if (result.error().kind != base::ErrorKind::cancelled) flight->outcome = std::unexpected(result.error());
    co_return std::unexpected(result.error());
  }
  token_ = std::move(*result);
  flight->outcome = token_->access_token;
  co_return token_->access_token;
}

void ArmTokenProvider::reject(const base::Secret& rejected) {
  if (token_ && token_->access_token == rejected) token_.reset();
}

base::Task<base::Result<AccessToken>> ArmTokenProvider::request(base::SteadyTime deadline) {
  if (const auto* imds = std::get_if<ImdsTokenRequest>(&source_)) {
    auto token = co_await imds_.token(*imds, deadline);
    co_return token;
  }
  auto token = co_await entra_.token(std::get<EntraTokenRequest>(source_), deadline);
  co_return token;
}

bool ArmTokenProvider::is_fresh(const AccessToken& token) const {
  const auto expiry = token.expiry();
  return expiry && *expiry - clock_.wall_now() >= kMinTokenLife;
}

}  // namespace podid::azure
