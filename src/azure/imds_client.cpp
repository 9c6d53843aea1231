// SPDX-License-Identifier: Apache-2.0
#include "azure/imds_client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "azure/http_options.hpp"

namespace podid::azure {
namespace {

constexpr std::chrono::seconds kFirstWait{2};
constexpr std::chrono::seconds kLeastAttempt{3};

// An answer with a status that heals, or an attempt without an answer.
bool is_worth_repeating(const base::Error& error) {
  if (token_endpoint_answered(error)) return is_imds_retry_status(error.http_status);
  return error.kind == base::ErrorKind::unavailable || error.kind == base::ErrorKind::timeout;
}

base::Error gave_up(const base::Error& last, int attempts) {
  base::Error error;
  error.kind = base::ErrorKind::timeout;
  error.message = fmt::format("no token before the deadline, {} attempt{} made, the last one failed: {}", attempts,
                              attempts == 1 ? "" : "s", last.message);
  error.retry_after = last.retry_after;
  return error;
}

// An endpoint that hangs shall not use up all the time there is: two attempts and the wait between them fit.
base::Duration attempt_limit(const ImdsOptions& options, base::Duration time_left) {
  const base::Duration half = (time_left - kFirstWait) / 2;
  return std::min(options.attempt_timeout, half >= kLeastAttempt ? half : time_left);
}

base::Error no_turn() {
  base::Error error;
  error.kind = base::ErrorKind::throttled;
  error.message =
      "the pods of this node ask for more new tokens than the metadata endpoint gives: the NMI lets them take turns, "
      "and "
      "none was left";
  error.retry_after = std::chrono::seconds(1);
  return error;
}

}  // namespace

base::Result<ImdsClient> ImdsClient::create(ImdsOptions options, net::HttpTransport& http, base::Clock& clock,
                                            base::Random& random) {
  auto origin = net::parse_url(options.endpoint);
  if (!origin) return base::fail(origin.error(), "metadata endpoint " + options.endpoint);
  return ImdsClient(std::move(options), std::move(*origin), http, clock, random);
}

ImdsClient::ImdsClient(ImdsOptions options, net::Url origin, net::HttpTransport& http, base::Clock& clock,
                       base::Random& random)
    : options_(std::move(options)), origin_(std::move(origin)), http_(http), clock_(clock), random_(random) {}

base::Task<base::Result<AccessToken>> ImdsClient::token(ImdsTokenRequest request, base::SteadyTime deadline) {
  const auto wire = imds_token_request(request);
  if (!wire) co_return std::unexpected(wire.error());
  const base::Duration limit = attempt_limit(options_, deadline - clock_.steady_now());
  base::Error last = no_turn();
  for (int attempts = 1;; ++attempts) {
    if (options_.gate != nullptr) {
      const bool mine = co_await options_.gate->enter(request.asker, deadline);
      if (!mine) co_return std::unexpected(std::move(last));
    }
    auto result = co_await attempt(*wire, limit, deadline);
    if (result.has_value() || !is_worth_repeating(result.error()) || attempts >= options_.max_attempts) {
      co_return result;
    }
    const base::Duration wait = wait_after(attempts, result.error().retry_after);
    if (clock_.steady_now() + wait >= deadline) co_return std::unexpected(gave_up(result.error(), attempts));
    last = gave_up(result.error(), attempts);
    co_await clock_.sleep_for(wait);
  }
}

base::Task<base::Result<AccessToken>> ImdsClient::attempt(const net::Request& request, base::Duration limit,
                                                          base::SteadyTime deadline) {
  const net::Deadline socket_deadline = attempt_deadline(clock_, deadline, limit);
  const auto response = co_await http_.send(origin_, request, socket_deadline);
  if (!response) co_return std::unexpected(refresh_not_executed(response.error()));
  co_return read_token_response(*response, origin_.with_target(request.target).to_string(), clock_.wall_now());
}

base::Duration ImdsClient::wait_after(int attempts, std::optional<std::chrono::seconds> retry_after) {
  constexpr std::chrono::seconds kLongest{60};
  if (retry_after) return std::min<base::Duration>(*retry_after, std::chrono::hours(24));
  // 2 (kFirstWait), 6, 14, 30, 60 s: the growth that aad-pod-identity's clients are used to.
  const std::chrono::seconds wait = std::min(std::chrono::seconds(2 * ((1 << std::min(attempts, 6)) - 1)), kLongest);
  return std::chrono::duration_cast<base::Duration>(wait * (1.0 - options_.jitter * random_.unit()));
}

}  // namespace podid::azure
