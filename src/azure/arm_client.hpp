// SPDX-License-Identifier: Apache-2.0
// Authenticated calls to the resource manager with its retry, throttling and polling rules (mic.md §7.5,
// §7.6).
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "azure/arm_token_provider.hpp"
#include "azure/arm_wire.hpp"
#include "azure/throttle_memory.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/http_transport.hpp"

namespace podid::azure {

struct ArmOptions {
  base::Duration attempt_timeout = std::chrono::seconds(60);
  int max_attempts = 4;  // of one GET: after 408, 500, 502, 503, 504 and transport failures
  base::Duration first_retry = std::chrono::seconds(30);  // doubles; Retry-After wins
  // Between polls without Retry-After: doubles from the first to the longest.
  base::Duration first_poll = std::chrono::seconds(1);
  base::Duration longest_poll = std::chrono::seconds(5);
  base::Duration operation_limit = std::chrono::minutes(15);
};

// One executor; any number of calls at once. References outlive it.
class ArmClient {
 public:
  // `resource_manager` is Cloud::resource_manager_endpoint.
  static base::Result<std::unique_ptr<ArmClient>> create(ArmOptions options, std::string_view resource_manager,
                                                         net::HttpTransport& http, ArmTokenProvider& tokens,
                                                         base::Clock& clock, base::Random& random);

  // The answer's body. Deadlines are of the injected clock. Errors: ARM's own (http_status and code set),
  // `throttled` without a call while Azure asked to be left alone, `unavailable`, `timeout`, or why there is
  // no token.
  base::Task<base::Result<std::string>> get(AzureResource resource, base::SteadyTime deadline);
  // One page of all resources of `collection`'s kind in its group (its name is empty). `next_link`: of the page before, or
  // empty for the first.
  base::Task<base::Result<std::string>> get_page(AzureResource collection, std::string next_link,
                                                 base::SteadyTime deadline);
  // Sends one identity PATCH, once: its body follows from a read and would undo what others did since, so whoever
  // sends it again reads again before (pause_after). The answer is the operation that it began.
  base::Task<base::Result<OperationStep>> patch(AzureResource resource, std::string body, base::SteadyTime deadline);
  // Waits until the operation has ended.
  base::Task<base::Result<>> follow(AzureResource resource, OperationStep step, base::SteadyTime deadline);
  // How long to wait before the next try, when the `failures`th in a row failed like this; nothing where the reason is
  // no passing one, or max_attempts are used up.
  std::optional<base::Duration> pause_after(const base::Error& error, int failures);

 private:
  ArmClient(ArmOptions options, net::Url origin, net::HttpTransport& http, ArmTokenProvider& tokens, base::Clock& clock,
            base::Random& random);

  struct Call {
    AzureResource resource;  // whose throttling it falls under
    Direction direction = Direction::read;
    net::Url url;
    std::string patch_body;  // empty: GET
    bool poll = false;       // has a rate limit of its own and is not held back by the resource's
  };

  // The body of a GET's answer.
  base::Task<base::Result<std::string>> read(Call call, base::SteadyTime deadline);
  // The answer, whatever its status, after the retries that its status and the method allow.
  base::Task<base::Result<net::Response>> send(Call call, base::SteadyTime deadline);
  // One request, one answer.
  base::Task<base::Result<net::Response>> attempt(const Call& call, const base::Secret& token,
                                                  base::SteadyTime deadline);
  net::Url url_of(const std::string& target) const;
  base::Result<net::Url> trusted_url(const std::string& link) const;
  base::Result<> check_throttle(const Call& call) const;
  void note_limits(const Call& call, const net::Response& response);

  ArmOptions options_;
  net::Url origin_;
  net::HttpTransport& http_;
  ArmTokenProvider& tokens_;
  base::Clock& clock_;
  base::Random& random_;
  ThrottleMemory throttled_;
};

}  // namespace podid::azure
