// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "azure/http_options.hpp"
#include "base/backoff.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

constexpr int kOk = 200;
constexpr int kUnauthorized = 401;
constexpr int kTooManyRequests = 429;
// A subscription's bucket refills by at least ten calls a second (azure-wire.md §3.6).
constexpr std::chrono::seconds kRefill{1};
constexpr std::chrono::hours kLongestWait{24};
constexpr double kRetryJitter = 0.25;

bool is_success(int status) { return status >= 200 && status < 300; }

bool is_passing(const base::Error& error) {
  switch (error.http_status) {
    case 0:
      return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
    case 408:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

// "VMGet", "VMSSUpdate": how aad-pod-identity names its clients' calls.
std::string operation_name(const AzureResource& resource, Direction direction) {
  return fmt::format("{}{}", resource.kind == ResourceKind::vm ? "VM" : "VMSS",
                     direction == Direction::read ? "Get" : "Update");
}

}  // namespace

base::Result<std::unique_ptr<ArmClient>> ArmClient::create(ArmOptions options, std::string_view resource_manager,
                                                           net::HttpTransport& http, ArmTokenProvider& tokens,
                                                           base::Clock& clock, base::Random& random) {
  auto origin = net::parse_url(resource_manager);
  if (!origin) return fail(origin.error(), fmt::format("resource manager endpoint \"{}\"", resource_manager));
  return std::unique_ptr<ArmClient>(new ArmClient(options, std::move(*origin), http, tokens, clock, random));
}

ArmClient::ArmClient(ArmOptions options, net::Url origin, net::HttpTransport& http, ArmTokenProvider& tokens,
                     base::Clock& clock, base::Random& random)
    : options_(options), origin_(std::move(origin)), http_(http), tokens_(tokens), clock_(clock), random_(random) {}

base::Task<base::Result<std::string>> ArmClient::get(AzureResource resource, base::SteadyTime deadline) {
  net::Url url = url_of(resource_target(resource));
  auto body = co_await read({.resource = std::move(resource), .url = std::move(url), .patch_body = {}}, deadline);
  co_return body;
}

base::Task<base::Result<std::string>> ArmClient::get_page(AzureResource collection, std::string next_link,
                                                          base::SteadyTime deadline) {
  base::Result<net::Url> url = url_of(collection_target(collection));
  if (!next_link.empty()) url = trusted_url(next_link);
  if (!url) co_return std::unexpected(url.error());
  auto body = co_await read({.resource = std::move(collection), .url = std::move(*url), .patch_body = {}}, deadline);
  co_return body;
}

base::Task<base::Result<std::string>> ArmClient::read(Call call, base::SteadyTime deadline) {
  auto response = co_await send(std::move(call), deadline);
  if (!response) co_return std::unexpected(response.error());
  if (response->status != kOk) co_return std::unexpected(arm_error(*response, clock_.wall_now()));
  co_return std::move(response->body);
}

base::Task<base::Result<OperationStep>> ArmClient::patch(AzureResource resource, std::string body,
                                                         base::SteadyTime deadline) {
  net::Url url = url_of(resource_target(resource));
  Call call{.resource = std::move(resource),
            .direction = Direction::write,
            .url = std::move(url),
            .patch_body = std::move(body)};
  const auto response = co_await send(std::move(call), deadline);
  if (!response) co_return std::unexpected(response.error());
  if (!is_success(response->status)) co_return std::unexpected(arm_error(*response, clock_.wall_now()));
  co_return read_patch_answer(*response, clock_.wall_now());
}

base::Task<base::Result<net::Response>> ArmClient::send(Call call, base::SteadyTime deadline) {
  bool token_rejected = false;
  for (int attempts = 1;; ++attempts) {
    if (const auto free = check_throttle(call); !free) co_return std::unexpected(free.error());
    const auto token = co_await tokens_.token(deadline);
    if (!token) co_return fail(token.error(), "no token for the resource manager");
    auto response = co_await attempt(call, *token, deadline);
    const bool rejected = response.has_value() && response->status == kUnauthorized;
    if (response.has_value()) note_limits(call, *response);
    if (rejected) tokens_.reject(*token);
    if (!call.patch_body.empty()) co_return response;
    if (rejected && !std::exchange(token_rejected, true)) continue;
    if (response.has_value() && is_success(response->status)) co_return response;
    const base::Error error = response ? arm_error(*response, clock_.wall_now()) : response.error();
    const std::optional<base::Duration> pause = pause_after(error, attempts);
    if (!pause || clock_.steady_now() + *pause >= deadline) co_return response;
    co_await clock_.sleep_for(*pause);
  }
}

std::optional<base::Duration> ArmClient::pause_after(const base::Error& error, int failures) {
  if (!is_passing(error) || failures >= options_.max_attempts) return std::nullopt;
  if (error.retry_after) return std::min<base::Duration>(*error.retry_after, kLongestWait);
  const double doubled = std::exp2(failures - 1) * (1.0 - kRetryJitter * random_.unit());
  return std::chrono::duration_cast<base::Duration>(options_.first_retry * doubled);
}

base::Task<base::Result<net::Response>> ArmClient::attempt(const Call& call, const base::Secret& token,
                                                           base::SteadyTime deadline) {
  net::Request request =
      call.patch_body.empty() ? arm_get(call.url.target, token) : arm_patch(call.url.target, call.patch_body, token);
  request.headers.add("x-ms-client-request-id", random_.uuid());
  const net::Deadline socket_deadline = attempt_deadline(clock_, deadline, options_.attempt_timeout);
  auto response = co_await http_.send(call.url, std::move(request), socket_deadline);
  co_return response;
}

base::Task<base::Result<>> ArmClient::follow(AzureResource resource, OperationStep step, base::SteadyTime deadline) {
  const base::SteadyTime started = clock_.steady_now();
  const base::SteadyTime limit = std::min(deadline, started + options_.operation_limit);
  base::Duration pause = options_.first_poll;
  while (step.state == OperationState::running) {
    base::Duration wait = pause;
    pause = base::next_pause(pause, options_.first_poll, options_.longest_poll);
    // Even an answer that says "0" must not become a busy loop.
    if (step.retry_after) wait = std::clamp<base::Duration>(*step.retry_after, options_.first_poll, kLongestWait);
    if (clock_.steady_now() + wait >= limit) {
      co_return fail(ErrorKind::timeout, fmt::format("the operation on {} is still running after {}", resource.name,
                                                     base::format_go_duration(clock_.steady_now() - started)));
    }
    co_await clock_.sleep_for(wait);

    const auto url =
        step.poll_url.empty() ? base::Result<net::Url>(url_of(resource_target(resource))) : trusted_url(step.poll_url);
    if (!url) co_return std::unexpected(url.error());
    Call call{.resource = resource, .url = *url, .patch_body = {}, .poll = true};
    const auto response = co_await send(std::move(call), limit);
    if (!response) co_return fail(response.error(), "following the operation on " + resource.name);
    if (response->status == kTooManyRequests) {
      step.retry_after = net::retry_after(response->headers, clock_.wall_now());
      continue;
    }
    if (!is_success(response->status)) {
      co_return fail(arm_error(*response, clock_.wall_now()), "following the operation on " + resource.name);
    }
    step = read_poll_answer(*response, step, clock_.wall_now());
  }
  if (step.error) co_return std::unexpected(*step.error);
  co_return base::Result<>();
}

net::Url ArmClient::url_of(const std::string& target) const {
  std::string_view folder = origin_.target;
  while (folder.ends_with('/')) folder.remove_suffix(1);
  return origin_.with_target(std::string(folder) + target);
}

// A URL from an answer. The token goes along, so only the resource manager itself or one of its regional hosts may be
// asked.
base::Result<net::Url> ArmClient::trusted_url(const std::string& link) const {
  if (link.starts_with('/')) return origin_.with_target(link);
  auto url = net::parse_url(link);
  if (!url) return fail(url.error(), "a URL in the resource manager's answer");
  const bool same_host = url->host == origin_.host || url->host.ends_with("." + origin_.host);
  if (!same_host || url->tls != origin_.tls || url->port != origin_.port) {
    return fail(ErrorKind::denied, fmt::format("the operation's URL points away from {}", origin_.authority()));
  }
  return url;
}

base::Result<> ArmClient::check_throttle(const Call& call) const {
  const base::WallTime now = clock_.wall_now();
  if (call.poll) return {};
  const auto until = throttled_.blocked_until(call.resource, call.direction, now);
  if (!until) return {};
  base::Error error;
  error.kind = ErrorKind::throttled;
  error.message = fmt::format("{} client throttled, retry after: {}", operation_name(call.resource, call.direction),
                              base::format_rfc3339(*until));
  error.retry_after = std::chrono::ceil<std::chrono::seconds>(*until - now);
  return std::unexpected(std::move(error));
}

void ArmClient::note_limits(const Call& call, const net::Response& response) {
  if (call.poll) return;
  const base::WallTime now = clock_.wall_now();
  if (response.status != kTooManyRequests) {
    if (remaining_calls(response.headers) == 0) {
      throttled_.block_subscription(call.resource, call.direction, now + kRefill, now);
    }
    return;
  }
  const base::Error error = arm_error(response, now);
  if (!error.retry_after) return;
  const base::WallTime until = now + std::min<std::chrono::seconds>(*error.retry_after, kLongestWait);
  const ThrottleScope scope = throttle_scope(response, error);
  if (scope.resource) throttled_.block_resource(call.resource, call.direction, until, now);
  if (scope.subscription) throttled_.block_subscription(call.resource, call.direction, until, now);
}

}  // namespace podid::azure
