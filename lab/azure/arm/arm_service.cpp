// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/arm/arm_service.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/arm/identity_patch.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::string_view kAssignAction = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
// The first version with the map of identities; older ones replace a list, which nobody should use.
constexpr std::string_view kFirstComputeVersion = "2018-06-01";

std::string collection_type(bool scale_set) {
  return scale_set ? "Microsoft.Compute/virtualMachineScaleSets" : "Microsoft.Compute/virtualMachines";
}

std::unexpected<ArmError> failed(int status, std::string code, std::string message) {
  return std::unexpected(ArmError{.status = status, .code = std::move(code), .message = std::move(message)});
}

std::unexpected<ArmError> method_not_allowed(const Call& call) {
  return failed(405, "MethodNotAllowed", fmt::format("The method '{}' is not simulated here.", call.method));
}

std::expected<void, ArmError> check_version(const Call& call, std::string_view oldest) {
  const std::string version = call.parameter("api-version").value_or("");
  if (version.empty()) {
    return failed(400, "MissingApiVersionParameter",
                  "The api-version query parameter (?api-version=) is required for all requests.");
  }
  if (version.size() < oldest.size() || version < oldest) {
    return failed(400, "InvalidApiVersionParameter", fmt::format("The api-version '{}' is invalid.", version));
  }
  return {};
}

std::string full_seconds(base::WallTime time) {
  // Operations show seven fractional digits and an offset.
  std::string text = base::format_rfc3339_micro(time);
  text.back() = '0';  // the Z
  return text + "+00:00";
}

}  // namespace

Reply ArmService::answer(const Call& call) {
  auto routed = route(call);
  Reply reply = routed ? std::move(*routed) : arm_error_reply(routed.error());
  add_common_headers(reply, call);
  return reply;
}

std::expected<Reply, ArmError> ArmService::route(const Call& call) {
  const std::vector<std::string>& path = call.segments;
  const auto is = [&](std::size_t index, std::string_view text) {
    return index < path.size() && base::iequals(path[index], text);
  };
  if (!is(0, "subscriptions") || path.size() < 2) {
    return failed(404, "NotFound", "The simulator has nothing at this path.");
  }
  const auto subscription = world_.subscriptions.find(path[1]);
  if (subscription == world_.subscriptions.end()) {
    return failed(404, "SubscriptionNotFound", fmt::format("The subscription '{}' could not be found.", path[1]));
  }
  const auto caller = authenticate(call, subscription->second.tenant_id);
  if (!caller) return std::unexpected(caller.error());
  // subscriptions/S/providers/Microsoft.Compute/locations/L/operations/O
  if (is(2, "providers") && is(3, "Microsoft.Compute") && is(4, "locations") && is(6, "operations") &&
      path.size() == 8) {
    return answer_operation(call, path[1]);
  }
  const bool in_group = is(2, "resourceGroups") && path.size() > 3;
  if (in_group && !subscription->second.resource_groups.contains(path[3])) {
    return failed(404, "ResourceGroupNotFound", fmt::format("Resource group '{}' could not be found.", path[3]));
  }
  const std::size_t provider = in_group ? 4 : 2;
  const bool compute = is(provider, "providers") && is(provider + 1, "Microsoft.Compute");
  const bool scale_sets = is(provider + 2, "virtualMachineScaleSets");
  if (compute && path.size() == provider + 3 && (scale_sets || is(provider + 2, "virtualMachines"))) {
    return answer_list(call, *caller, scale_sets);
  }
  const auto id = parse_resource_id(fmt::format("/{}", fmt::join(path, "/")));
  if (id && compute && (scale_sets || is(provider + 2, "virtualMachines"))) return answer_machine(call, *caller, *id);
  if (id && base::iequals(id->provider, "Microsoft.ManagedIdentity") &&
      base::iequals(id->type, "userAssignedIdentities")) {
    return answer_identity(call, *caller, *id);
  }
  return failed(404, "NotFound", "The simulator has nothing at this path.");
}

std::expected<ArmCaller, ArmError> ArmService::authenticate(const Call& call, std::string_view tenant_id) const {
  const auto refuse = [&](std::string_view code, const std::string& message) {
    return std::unexpected(ArmError{
        .status = 401,
        .code = std::string(code),
        .message = message,
        .challenge = fmt::format(R"(Bearer authorization_uri="https://login.windows.net/{}", error="invalid_token", )"
                                 R"(error_description="{}")",
                                 tenant_id, message)});
  };
  const auto token = call.bearer_token();
  if (!token) return refuse("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.");
  const auto claims =
      issuer_.check(*token, tenant_id, {"https://management.azure.com", "https://management.core.windows.net"});
  if (!claims) {
    if (claims.error() == TokenProblem::expired) {
      return refuse("ExpiredAuthenticationToken", "The access token expiry is earlier than the current time.");
    }
    return refuse("InvalidAuthenticationToken",
                  fmt::format("The access token is invalid: {}.", to_string(claims.error())));
  }
  const auto text = [&](std::string_view name) {
    const json::value* value = claims->if_contains(name);
    return value == nullptr ? std::string() : std::string(value->as_string());
  };
  return ArmCaller{.client_id = text("appid"), .object_id = text("oid")};
}

std::expected<Reply, ArmError> ArmService::answer_machine(const Call& call, const ArmCaller& caller,
                                                          const ResourceId& id) {
  if (auto version = check_version(call, kFirstComputeVersion); !version) return std::unexpected(version.error());
  const bool scale_set = is_scale_set(id);
  const std::string type = collection_type(scale_set);
  const std::string wanted = scale_set ? scale_set_id(id.subscription_id, id.resource_group, id.name)
                                       : virtual_machine_id(id.subscription_id, id.resource_group, id.name);
  const bool reads = call.method == "GET";
  if (!reads && call.method != "PATCH") return method_not_allowed(call);
  const std::string action = type + (reads ? "/read" : "/write");
  if (!is_allowed(world_, caller.object_id, action, wanted)) {
    return std::unexpected(authorization_failed(caller, action, wanted));
  }
  const auto machine = world_.machines.find(wanted);
  if (machine == world_.machines.end()) {
    return failed(404, "ResourceNotFound",
                  fmt::format("The Resource '{}/{}' under resource group '{}' was not found. For more details please "
                              "go to https://aka.ms/ARMResourceNotFoundFix",
                              type, id.name, id.resource_group));
  }
  if (reads) return json_reply(200, write_machine(machine->first, machine->second));
  return update_machine(call, caller, machine->first);
}

std::expected<Reply, ArmError> ArmService::update_machine(const Call& call, const ArmCaller& caller,
                                                          const std::string& key) {
  auto patch = read_identity_patch(call.body);
  if (!patch) return std::unexpected(patch.error());
  Machine& machine = world_.machines.find(key)->second;
  if (base::iequals(machine.provisioning_state, "Deleting")) {
    return failed(409, "OperationNotAllowed",
                  fmt::format("Operation 'updateVM' is not allowed on '{}' since it is marked for deletion.", key));
  }
  if (operations_.is_running(key)) {
    return failed(409, "Conflict",
                  "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
                  "https://aka.ms/activitylog to get more details on the conflicting requests.");
  }
  std::string operation_id;
  if (*patch) {
    if (auto assignable = check_assignable(caller, key, (*patch)->add, (*patch)->remove); !assignable) {
      return std::unexpected(assignable.error());
    }
    PatchedIdentity after = apply_identity_patch(machine.identity, **patch);
    if (after.wants_system) {
      after.identity.system = SystemAssignedIdentity{.client_id = random_.uuid(), .principal_id = random_.uuid()};
    }
    if (after.identity != machine.identity) {
      operation_id = operations_.start(key, std::move(after.identity));
    }
  }
  json::object body = write_machine(key, machine);
  body["properties"].as_object()["provisioningState"] = "Updating";
  Reply reply = json_reply(200, body);
  // An update that changes nothing answers Updating, too, but has no operation to follow.
  if (operation_id.empty()) return reply;
  const ResourceId id = parse_resource_id(key).value_or(ResourceId{});
  reply.headers.set("Azure-AsyncOperation",
                    fmt::format("{}/subscriptions/{}/providers/Microsoft.Compute/locations/{}/operations/{}?p={}"
                                "&api-version={}",
                                call.origin(), id.subscription_id, machine.location, operation_id, random_.uuid(),
                                *call.parameter("api-version")));
  reply.headers.set("Azure-AsyncNotification", "Enabled");
  if (const auto delay = world_.settings.retry_after) reply.headers.set("Retry-After", std::to_string(delay->count()));
  return reply;
}

std::expected<void, ArmError> ArmService::check_assignable(const ArmCaller& caller, const std::string& machine_id,
                                                           const std::vector<std::string>& add,
                                                           const std::vector<std::string>& remove) const {
  for (const auto* named : {&add, &remove}) {
    for (const std::string& id : *named) {
      const auto refusal = world_.refused_identities.find(id);
      if (refusal == world_.refused_identities.end()) continue;
      return failed(refusal->second.status, refusal->second.code, refusal->second.message);
    }
  }
  const ResourceId machine = parse_resource_id(machine_id).value_or(ResourceId{});
  std::vector<std::string> linked = add;
  // Virtual machines ask for the right to assign only when adding, scale sets also when removing.
  if (is_scale_set(machine)) linked.insert(linked.end(), remove.begin(), remove.end());
  std::erase_if(linked, [&](const std::string& id) { return is_allowed(world_, caller.object_id, kAssignAction, id); });
  if (!linked.empty()) {
    return std::unexpected(
        linked_authorization_failed(caller, collection_type(is_scale_set(machine)) + "/write", machine_id, linked));
  }
  for (const std::string& id : add) {
    if (!world_.user_assigned_identities.contains(id))
      return std::unexpected(failed_identity_operation(machine_id, id));
  }
  return {};
}

std::expected<Reply, ArmError> ArmService::answer_identity(const Call& call, const ArmCaller& caller,
                                                           const ResourceId& id) {
  if (auto version = check_version(call, kFirstComputeVersion); !version) return std::unexpected(version.error());
  if (call.method != "GET") return method_not_allowed(call);
  const std::string wanted = user_assigned_identity_id(id.subscription_id, id.resource_group, id.name);
  const std::string action = "Microsoft.ManagedIdentity/userAssignedIdentities/read";
  if (!is_allowed(world_, caller.object_id, action, wanted)) {
    return std::unexpected(authorization_failed(caller, action, wanted));
  }
  const auto found = world_.user_assigned_identities.find(wanted);
  if (found == world_.user_assigned_identities.end()) {
    return failed(404, "ResourceNotFound",
                  fmt::format("The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/{}' under resource group "
                              "'{}' was not found.",
                              id.name, id.resource_group));
  }
  const UserAssignedIdentity& identity = found->second;
  return json_reply(200, json::object{{"id", found->first},
                                      {"name", parse_resource_id(found->first)->name},
                                      {"type", "Microsoft.ManagedIdentity/userAssignedIdentities"},
                                      {"location", identity.location},
                                      {"tags", json::object()},
                                      {"properties", json::object{{"tenantId", identity.tenant_id},
                                                                  {"principalId", identity.principal_id},
                                                                  {"clientId", identity.client_id}}}});
}

std::expected<Reply, ArmError> ArmService::answer_list(const Call& call, const ArmCaller& caller, bool scale_sets) {
  if (auto version = check_version(call, kFirstComputeVersion); !version) return std::unexpected(version.error());
  if (call.method != "GET") return method_not_allowed(call);
  const bool in_group = base::iequals(call.segments[2], "resourceGroups");
  const std::string scope = in_group
                                ? fmt::format("/subscriptions/{}/resourceGroups/{}", call.segments[1], call.segments[3])
                                : fmt::format("/subscriptions/{}", call.segments[1]);
  const std::string action = collection_type(scale_sets) + "/read";
  if (!is_allowed(world_, caller.object_id, action, scope)) {
    return std::unexpected(authorization_failed(caller, action, scope));
  }
  // Pages go by position: "$skiptoken" is the number of items already sent.
  const std::int64_t first = base::parse_number<std::int64_t>(call.parameter("$skiptoken").value_or("0")).value_or(0);
  std::int64_t position = 0;
  json::array page;
  bool more = false;
  for (const auto& [id, machine] : world_.machines) {
    if (is_scale_set(parse_resource_id(id).value_or(ResourceId{})) != scale_sets) continue;
    if (!base::istarts_with(id, scope + "/")) continue;
    if (position++ < first) continue;
    if (std::ssize(page) == world_.settings.list_page_size) {
      more = true;
      break;
    }
    page.push_back(write_machine(id, machine));
  }
  json::object body;
  body["value"] = std::move(page);
  if (more) {
    body["nextLink"] =
        fmt::format("{}{}?api-version={}&$skiptoken={}", call.origin(), call.target.substr(0, call.target.find('?')),
                    *call.parameter("api-version"), first + world_.settings.list_page_size);
  }
  return json_reply(200, body);
}

std::expected<Reply, ArmError> ArmService::answer_operation(const Call& call, std::string_view subscription_id) const {
  if (call.method != "GET") return method_not_allowed(call);
  const std::string& id = call.segments.back();
  const ArmOperation* operation = operations_.find(id);
  const auto machine = operation == nullptr ? std::nullopt : parse_resource_id(operation->machine_id);
  if (!machine || !base::iequals(machine->subscription_id, subscription_id)) {
    return failed(404, "OperationNotFound", fmt::format("The operation '{}' was not found.", id));
  }
  json::object body{{"startTime", full_seconds(operation->started)}};
  if (operation->finished) body["endTime"] = full_seconds(operation->finishes_wall);
  body["status"] = !operation->finished ? "InProgress" : operation->failure ? "Failed" : "Succeeded";
  if (operation->finished && operation->failure) {
    body["error"] = json::object{{"code", operation->failure->code}, {"message", operation->failure->message}};
  }
  body["name"] = id;
  Reply reply = json_reply(200, body);
  if (const auto delay = world_.settings.retry_after; delay && !operation->finished) {
    reply.headers.set("Retry-After", std::to_string(delay->count()));
  }
  return reply;
}

json::object ArmService::write_machine(const std::string& id, const Machine& machine) const {
  const ResourceId parsed = parse_resource_id(id).value_or(ResourceId{});
  const bool scale_set = is_scale_set(parsed);
  json::object properties;
  for (const auto& [name, node] : world_.nodes) {
    if (base::iequals(node.machine_id, id) && !scale_set) properties["vmId"] = node.vm_id;
  }
  properties["provisioningState"] = machine.provisioning_state;
  if (!machine.scale_set_id.empty()) {
    properties["virtualMachineScaleSet"].emplace_object()["id"] = machine.scale_set_id;
  }
  if (scale_set) {
    properties["orchestrationMode"] = "Uniform";
  } else {
    properties["hardwareProfile"].emplace_object()["vmSize"] = machine.size;
  }
  json::object out{
      {"name", parsed.name}, {"id", id}, {"type", collection_type(scale_set)}, {"location", machine.location}};
  if (scale_set) out["sku"] = json::object{{"name", machine.size}, {"tier", "Standard"}};
  const auto subscription = world_.subscriptions.find(parsed.subscription_id);
  auto identity = write_identity(machine.identity, world_, subscription->second.tenant_id);
  if (identity) out["identity"] = std::move(*identity);
  out["properties"] = std::move(properties);
  return out;
}

void ArmService::add_common_headers(Reply& reply, const Call& call) {
  const bool writes = call.method != "GET";
  std::int64_t& remaining = writes ? remaining_writes_ : remaining_reads_;
  if (remaining > 0) --remaining;
  reply.headers.set(fmt::format("x-ms-ratelimit-remaining-subscription-{}", writes ? "writes" : "reads"),
                    std::to_string(remaining));
  const bool polls = call.segments.size() == 8 && call.segments[6] == "operations";
  const std::string_view bucket = polls ? "GetOperation" : writes ? "PutVM" : "LowCostGet";
  reply.headers.set("x-ms-ratelimit-remaining-resource",
                    fmt::format("Microsoft.Compute/{0}3Min;{1},Microsoft.Compute/{0}30Min;{1}", bucket, remaining));
  const std::string id = random_.uuid();
  reply.headers.set("x-ms-request-id", id);
  reply.headers.set("x-ms-correlation-request-id", id);
  reply.headers.set("Cache-Control", "no-cache");
  reply.headers.set("Pragma", "no-cache");
  reply.headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  reply.headers.set("X-Content-Type-Options", "nosniff");
}

}  // namespace podid::lab::azure
