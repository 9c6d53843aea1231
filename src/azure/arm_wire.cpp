// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_wire.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "azure/error_text.hpp"
#include "azure/json_fields.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;

// A refusal names up to 150 identities, each a few hundred characters long.
constexpr std::size_t kMaxMessage = 128 * 1024;
constexpr int kNoContent = 204;
constexpr int kAccepted = 202;

net::Request authorized(std::string_view method, std::string target, const base::Secret& token) {
  net::Request request;
  request.method = method;
  request.target = std::move(target);
  request.headers.add("Authorization", fmt::format("Bearer {}", token.reveal()));
  request.headers.add("Accept", "application/json");
  return request;
}

IdentityType parse_type(std::string_view text) {
  if (text.empty() || base::iequals(text, "None")) return IdentityType::none;
  bool system = false;
  bool user = false;
  for (const std::string_view part : base::split(text, ',')) {
    const std::string_view name = base::trim(part);
    if (base::iequals(name, "SystemAssigned")) {
      system = true;
    } else if (base::iequals(name, "UserAssigned")) {
      user = true;
    } else {
      return IdentityType::unknown;
    }
  }
  if (system) return user ? IdentityType::system_and_user : IdentityType::system;
  return IdentityType::user;
}

std::unexpected<base::Error> bad_shape(std::string_view what) {
  return base::fail(ErrorKind::invalid, fmt::format("the resource manager's answer: {}", what));
}

// Code and text of an error object; `details` hold the cause where the outer text is general.
void read_error(const boost::json::object& error, base::Error& out) {
  out.code = base::text_at(error, {"code"});
  out.message = fmt::format("{}: {}", out.code.empty() ? "no code" : out.code, base::text_at(error, {"message"}));
  const boost::json::value* details = error.if_contains("details");
  if (details != nullptr && details->is_array()) {
    for (const boost::json::value& detail : details->get_array()) {
      if (!detail.is_object()) continue;
      out.message += fmt::format("; {}: {}", base::text_at(detail.get_object(), {"code"}),
                                 base::text_at(detail.get_object(), {"message"}));
    }
  }
  out.code = quotable(out.code, kMaxQuotedCode);
  out.message = quotable(out.message, kMaxMessage);
}

// Whether the text ends an identity id that stands between quotes in a message.
bool ends_id(char c) { return c == '\'' || c == ',' || c == '"' || c == '\\'; }

bool is_name(std::string_view part) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._()-";
  return !part.empty() && part != "." && part != ".." &&
         base::to_lower(part).find_first_not_of(kAllowed) == std::string::npos;
}

OperationStep failed_step(std::string_view state, const boost::json::object* error) {
  OperationStep step;
  step.state = OperationState::failed;
  base::Error& out = step.error.emplace();
  out.kind = ErrorKind::unavailable;
  if (error != nullptr) {
    read_error(*error, out);
  } else {
    out.message = "no reason given";
  }
  out.message = fmt::format("the operation ended as {}: {}", state, out.message);
  return step;
}

// A state word of an operation or of a resource's provisioningState.
OperationStep step_of_state(std::string_view state, const boost::json::object& body) {
  OperationStep step;
  if (base::iequals(state, "Succeeded")) {
    step.state = OperationState::succeeded;
  } else if (base::iequals(state, "Failed") || base::iequals(state, "Canceled") || base::iequals(state, "Cancelled")) {
    step = failed_step(state, base::find_object(body, {"error"}));
  }
  return step;
}

std::string_view provisioning_state(const boost::json::object& body) {
  const boost::json::object* properties = base::find_object(body, {"properties"});
  return properties == nullptr ? std::string_view{} : base::text_at(*properties, {"provisioningState"});
}

OperationStep running(std::string poll_url, bool by_location, const net::Response& response, base::WallTime now) {
  OperationStep step;
  step.poll_url = std::move(poll_url);
  step.by_location = by_location;
  step.retry_after = net::retry_after(response.headers, now);
  return step;
}

// Where the answer says to ask next: the operation's own URL is preferred.
std::optional<OperationStep> poll_header(const net::Response& response, base::WallTime now) {
  for (const std::string_view name : {"Azure-AsyncOperation", "Operation-Location"}) {
    if (const auto url = response.headers.find(name)) return running(std::string(*url), false, response, now);
  }
  if (const auto url = response.headers.find("Location")) return running(std::string(*url), true, response, now);
  return std::nullopt;
}

OperationStep unreadable_step(std::string message) {
  OperationStep step;
  step.state = OperationState::failed;
  step.error = base::fail(ErrorKind::invalid, std::move(message)).error();
  return step;
}

base::Result<IdentityState> read_state(const boost::json::object& resource) {
  IdentityState state;
  state.provisioning_state = provisioning_state(resource);
  const boost::json::value* member = resource.if_contains("identity");
  if (member == nullptr || member->is_null()) return state;
  if (!member->is_object()) return bad_shape("identity is not an object");
  const boost::json::object& identity = member->get_object();
  state.type_text = base::text_at(identity, {"type"});
  state.type = parse_type(state.type_text);
  state.principal_id = base::text_at(identity, {"principalId"});
  state.tenant_id = base::text_at(identity, {"tenantId"});
  const boost::json::value* map = identity.if_contains("userAssignedIdentities");
  if (map == nullptr || map->is_null()) return state;
  if (!map->is_object()) return bad_shape("userAssignedIdentities is not an object");
  for (const auto& [id, value] : map->get_object()) {
    UserIdentity& user = state.user_assigned[base::to_lower(id)];
    if (!value.is_object()) continue;
    user.client_id = base::text_at(value.get_object(), {"clientId"});
    user.principal_id = base::text_at(value.get_object(), {"principalId"});
  }
  return state;
}

}  // namespace

std::string resource_target(const AzureResource& resource) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/{}/{}?api-version={}",
                     base::percent_encode(resource.subscription_id), base::percent_encode(resource.resource_group),
                     resource.kind == ResourceKind::vm ? "virtualMachines" : "virtualMachineScaleSets",
                     base::percent_encode(resource.name), kComputeApiVersion);
}

std::string collection_target(const AzureResource& resource) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/{}?api-version={}",
                     base::percent_encode(resource.subscription_id), base::percent_encode(resource.resource_group),
                     resource.kind == ResourceKind::vm ? "virtualMachines" : "virtualMachineScaleSets",
                     kComputeApiVersion);
}

net::Request arm_get(std::string target, const base::Secret& token) {
  return authorized("GET", std::move(target), token);
}

net::Request arm_patch(std::string target, std::string body, const base::Secret& token) {
  net::Request request = authorized("PATCH", std::move(target), token);
  request.headers.add("Content-Type", "application/json; charset=utf-8");
  request.body = std::move(body);
  return request;
}

base::Result<IdentityState> parse_resource(std::string_view body) {
  const auto resource = parse_object(body);
  if (!resource) return bad_shape(resource.error().message);
  return read_state(*resource);
}

base::Result<ResourcePage> parse_resource_page(std::string_view body, const AzureResource& collection) {
  const auto answer = parse_object(body);
  if (!answer) return bad_shape(answer.error().message);
  const boost::json::value* list = answer->if_contains("value");
  if (list == nullptr || !list->is_array()) return bad_shape("value is not a list");
  ResourcePage page;
  page.next_link = base::text_at(*answer, {"nextLink"});
  for (const boost::json::value& item : list->get_array()) {
    if (!item.is_object()) continue;
    AzureResource resource = collection;
    resource.name = base::text_at(item.get_object(), {"name"});
    std::string key = resource.key();
    const std::string_view id = base::text_at(item.get_object(), {"id"});
    if (resource.name.empty() || (!id.empty() && base::to_lower(id) != key)) continue;
    if (auto state = read_state(item.get_object())) page.states.insert_or_assign(std::move(key), std::move(*state));
  }
  return page;
}

base::Error arm_error(const net::Response& response, base::WallTime now) {
  base::Error error;
  error.message = fmt::format("({} bytes that are no JSON object)", response.body.size());
  if (const auto body = parse_object(response.body)) {
    const boost::json::object* envelope = base::find_object(*body, {"error"});
    read_error(envelope == nullptr ? *body : *envelope, error);
  }
  error.kind = base::kind_of_http_status(response.status);
  error.http_status = response.status;
  error.message = fmt::format("the resource manager answered {}: {}", response.status, error.message);
  error.retry_after = net::retry_after(response.headers, now);
  return error;
}

std::vector<std::string> quoted_identity_ids(std::string_view message) {
  constexpr std::string_view kStart = "/subscriptions/";
  const std::string lower = base::to_lower(message);
  std::vector<std::string> ids;
  std::size_t at = lower.find(kStart);
  while (at != std::string::npos) {
    std::size_t end = at;
    while (end < lower.size() && !ends_id(lower[end])) ++end;
    std::string id = lower.substr(at, end - at);
    // Quotes nest in these messages, so a pair cannot be told from its ends; an id's own ends can.
    const bool quoted = at > 0 && ends_id(lower[at - 1]) && end < lower.size();
    if (quoted && is_user_identity_id(id) && std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
    at = lower.find(kStart, std::max(end, at + 1));
  }
  return ids;
}

bool is_user_identity_id(std::string_view id) {
  const auto parts = base::split(id, '/');
  return parts.size() == 9 && parts[0].empty() && base::iequals(parts[1], "subscriptions") && is_name(parts[2]) &&
         base::iequals(parts[3], "resourceGroups") && is_name(parts[4]) && base::iequals(parts[5], "providers") &&
         base::iequals(parts[6], "Microsoft.ManagedIdentity") && base::iequals(parts[7], "userAssignedIdentities") &&
         is_name(parts[8]);
}

bool is_identity_error(const base::Error& error) {
  const auto mentions = [&error](std::string_view code) { return error.code == code || error.message.contains(code); };
  if (mentions("LinkedAuthorizationFailed") || mentions("FailedIdentityOperation")) return true;
  return error.code == "InvalidParameter" && !quoted_identity_ids(error.message).empty();
}

OperationStep read_patch_answer(const net::Response& response, base::WallTime now) {
  OperationStep done;
  done.state = OperationState::succeeded;
  if (response.status == kNoContent) return done;

  const auto body = parse_object(response.body);
  const std::string_view state = body ? provisioning_state(*body) : std::string_view{};
  if (response.status != kAccepted && !state.empty()) {
    OperationStep step = step_of_state(state, *body);
    if (step.state != OperationState::running) return step;
  }
  if (auto step = poll_header(response, now)) return *step;
  if (response.status == kAccepted) return unreadable_step("the operation was accepted, but not where to follow it");
  if (!body) return unreadable_step("the resource manager's answer: " + body.error().message);
  if (state.empty()) return done;
  return running({}, false, response, now);
}

OperationStep read_poll_answer(const net::Response& response, const OperationStep& previous, base::WallTime now) {
  OperationStep next = running(previous.poll_url, previous.by_location, response, now);
  if (auto step = poll_header(response, now)) {
    if (step->by_location == previous.by_location) next.poll_url = step->poll_url;
  }
  if (response.status == kAccepted) return next;
  if (response.status == kNoContent) {
    next.state = OperationState::succeeded;
    return next;
  }
  const auto body = parse_object(response.body);
  if (previous.by_location) {
    // The status code is the answer; a body that says "Failed" is believed all the same.
    const std::string_view state = body ? base::text_at(*body, {"status"}) : std::string_view{};
    OperationStep step = body ? step_of_state(state, *body) : OperationStep{};
    if (step.state == OperationState::failed) return step;
    next.state = OperationState::succeeded;
    return next;
  }
  if (!body) return unreadable_step("the operation's answer: " + body.error().message);
  std::string_view state = base::text_at(*body, {"status"});
  if (state.empty()) state = provisioning_state(*body);
  if (state.empty()) return unreadable_step("the operation's answer has no status");
  OperationStep step = step_of_state(state, *body);
  if (step.state == OperationState::running) return next;
  return step;
}

ThrottleScope throttle_scope(const net::Response& response, const base::Error& error) {
  ThrottleScope scope;
  scope.subscription = base::istarts_with(error.code, "Subscription") || remaining_calls(response.headers) == 0;
  scope.resource = !scope.subscription;
  return scope;
}

std::optional<int> remaining_calls(const net::Headers& headers) {
  std::optional<int> lowest;
  const auto note = [&lowest](std::string_view number) {
    const auto count = base::parse_number<int>(base::trim(number));
    if (count && *count >= 0) lowest = std::min(lowest.value_or(*count), *count);
  };
  for (const net::Header& header : headers) {
    if (base::istarts_with(header.name, "x-ms-ratelimit-remaining-subscription-") ||
        base::istarts_with(header.name, "x-ms-ratelimit-remaining-tenant-")) {
      note(header.value);
    } else if (base::iequals(header.name, "x-ms-ratelimit-remaining-resource")) {
      // "Microsoft.Compute/<bucket>;<n>,...". Only the buckets named after minutes are a whole subscription's.
      for (const std::string_view bucket : base::split(header.value, ',')) {
        const std::size_t semicolon = bucket.find(';');
        if (semicolon != std::string_view::npos && bucket.substr(0, semicolon).ends_with("Min")) {
          note(bucket.substr(semicolon + 1));
        }
      }
    }
  }
  return lowest;
}

}  // namespace podid::azure
