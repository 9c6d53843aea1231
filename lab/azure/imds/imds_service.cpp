// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/imds/imds_service.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <span>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/entra/entra_error.hpp"
#include "lab/azure/imds/imds_instance.hpp"
#include "lab/azure/imds/imds_replies.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::string_view kServer = "IMDS/150.870.65.1715";
constexpr std::string_view kFirstTokenVersion = "2018-02-01";

// ARM writes the resource group's collection name in lower case into this claim.
std::string managed_identity_claim(std::string id) {
  constexpr std::string_view kCollection = "/resourceGroups/";
  const auto at = id.find(kCollection);
  if (at != std::string::npos) id.replace(at, kCollection.size(), "/resourcegroups/");
  return id;
}

std::string_view node_name_of(const World& world, const Node& node) {
  for (const auto& [name, candidate] : world.nodes) {
    if (&candidate == &node) return name;
  }
  return "";
}

// The rules that hold for every path.
std::optional<Reply> refuse_request(const Call& call, bool is_identity, std::string_view method) {
  const auto bad_request = [&](std::string_view text) {
    return is_identity ? imds_token_error(400, "invalid_request", text)
                       : imds_error(400, fmt::format("Bad request. {}", text));
  };
  if (!base::iequals(call.headers.get_or_empty("Metadata"), "true")) {
    return bad_request("Required metadata header not specified");
  }
  if (call.headers.find("X-Forwarded-For")) return bad_request("Requests with X-Forwarded-For are not allowed");
  if (call.method != method) {
    return is_identity ? imds_token_error(405, "method_not_allowed", fmt::format("Only {} is allowed", method))
                       : imds_error(405, "Method not allowed");
  }
  if (call.repeats_a_parameter()) return bad_request("A query parameter is given more than once");
  return std::nullopt;
}

}  // namespace

Reply ImdsService::answer(const Call& call, std::string_view node_name) {
  Reply reply = route(call, node_name);
  reply.headers.set("Server", kServer);
  return reply;
}

Reply ImdsService::route(const Call& call, std::string_view node_name) {
  if (call.segments.empty() || !base::iequals(call.segments[0], "metadata")) return imds_error(404, "Not found");
  const std::span<const std::string> path = std::span(call.segments).subspan(1);
  const bool is_identity = !path.empty() && path[0] == "identity";
  // The first form of IMDSv2: the one thing that is asked for by POST.
  const bool is_credential = is_identity && path.size() == 2 && path[1] == "credential";
  if (auto refusal = refuse_request(call, is_identity, is_credential ? "POST" : "GET")) return std::move(*refusal);
  const Node* node = find_node(call, node_name);
  if (node == nullptr) {
    // Cannot happen in Azure, where the address is only reachable from a machine.
    return imds_token_error(403, "forbidden",
                            fmt::format("The simulator knows no node with the address {}", call.peer));
  }
  if (is_credential) return answer_credential(call, *node);
  if (is_identity) {
    if (path.size() == 3 && path[1] == "oauth2" && path[2] == "token") return answer_token(call, *node);
    if (path.size() == 2 && path[1] == "info") return answer_identity_info(call, *node);
    return imds_token_error(404, "not_found", "Not found");
  }
  if (path.size() == 1 && path[0] == "versions") return imds_versions();
  const std::string version = call.parameter("api-version").value_or("");
  if (!path.empty() && path[0] == "instance") {
    if (!imds_supports_version(version)) return imds_version_error();
    return instance_reply(instance_document(world_, node_name_of(world_, *node), *node), path.subspan(1), call);
  }
  if (path.size() == 1 && path[0] == "scheduledevents") {
    if (!imds_supports_events_version(version)) return imds_version_error();
    return json_reply(200, json::object{{"DocumentIncarnation", 1}, {"Events", json::array()}});
  }
  return imds_error(404, "Not found");
}

const Node* ImdsService::find_node(const Call& call, std::string_view node_name) const {
  const Node* node = nullptr;
  if (node_name.empty()) {
    node = find_node_by_address(world_, call.peer);
  } else if (const auto found = world_.nodes.find(node_name); found != world_.nodes.end()) {
    node = &found->second;
  }
  return node != nullptr && world_.machines.contains(node->machine_id) ? node : nullptr;
}

Reply ImdsService::answer_credential(const Call& call, const Node& node) {
  if (call.parameter("cred-api-version") != "1.0") {
    return imds_token_error(400, "invalid_request", "Required query variable 'cred-api-version' must be 1.0");
  }
  const auto subject = choose(call, node);
  if (!subject) return subject.error();
  return json_reply(200, json::object{{"client_id", subject->client_id},
                                      {"credential", "credential-of-" + subject->client_id},
                                      {"identity_type", "UserAssigned"},
                                      {"tenant_id", subject->tenant_id}});
}

Reply ImdsService::answer_token(const Call& call, const Node& node) {
  const std::string version = call.parameter("api-version").value_or("");
  if (version.empty())
    return imds_token_error(400, "invalid_request", "Required query variable 'api-version' is missing");
  if (!imds_supports_version(version) || version < kFirstTokenVersion) {
    return imds_token_error(400, "invalid_request", fmt::format("api-version '{}' is not supported", version));
  }
  const std::string resource = call.parameter("resource").value_or("");
  if (resource.empty())
    return imds_token_error(400, "invalid_request", "Required query variable 'resource' is missing");
  const auto subject = choose(call, node);
  if (!subject) return subject.error();
  if (find_token_resource(world_, resource) == nullptr) {
    return imds_token_error(400, "invalid_resource",
                            unknown_resource_text(resource, subject->tenant_id, clock_.wall_now()));
  }
  const auto token = token_for(*subject, node, resource, call.parameter("bypass_cache") == "true");
  if (!token) return imds_token_error(500, "server_error", token.error().message);
  const std::int64_t remaining = base::unix_seconds(token->expires) - base::unix_seconds(clock_.wall_now()) - 1;
  const std::string lifetime = std::to_string(std::max<std::int64_t>(remaining, 0));
  // Numbers are texts, and expires_on follows expires_in: .NET lets the last of the two win.
  return json_reply(200, json::object{{"access_token", token->text},
                                      {"client_id", subject->client_id},
                                      {"expires_in", lifetime},
                                      {"expires_on", std::to_string(base::unix_seconds(token->expires))},
                                      {"ext_expires_in", lifetime},
                                      {"not_before", std::to_string(base::unix_seconds(token->not_before))},
                                      {"resource", resource},
                                      {"token_type", "Bearer"}});
}

std::expected<TokenSubject, Reply> ImdsService::choose(const Call& call, const Node& node) {
  const MachineIdentity& served = served_.at(world_, node.machine_id, clock_.steady_now());
  const auto client_id = call.parameter("client_id");
  const auto object_id = call.parameter("object_id");
  auto resource_id = call.parameter("msi_res_id");
  if (const auto other = call.parameter("mi_res_id"); other && !resource_id) resource_id = other;
  if (!world_.settings.imds_resource_ids) resource_id.reset();
  const int selectors = (client_id ? 1 : 0) + (object_id ? 1 : 0) + (resource_id ? 1 : 0);
  if (selectors > 1) {
    return std::unexpected(
        imds_token_error(400, "invalid_request", "Only one of client_id, object_id and msi_res_id may be specified"));
  }
  const auto claim_of = [named = world_.settings.token_resource_ids](const std::string& id) {
    return named ? managed_identity_claim(id) : std::string();
  };
  const auto user_assigned = [&](const std::string& id, const UserAssignedIdentity& identity) {
    return TokenSubject{.tenant_id = identity.tenant_id,
                        .object_id = identity.principal_id,
                        .client_id = identity.client_id,
                        .managed_identity_id = claim_of(id)};
  };
  if (const auto& system = served.system;
      system && (selectors == 0 || (client_id && base::iequals(*client_id, system->client_id)) ||
                 (object_id && base::iequals(*object_id, system->principal_id)))) {
    return TokenSubject{.tenant_id = tenant_of(node),
                        .object_id = system->principal_id,
                        .client_id = system->client_id,
                        .managed_identity_id = claim_of(node.machine_id)};
  }
  if (selectors == 0 && served.user_assigned.size() > 1) {
    return std::unexpected(imds_token_error(400, "invalid_request",
                                            "Multiple user assigned identities exist, please specify the clientId / "
                                            "resourceId of the identity in the token request"));
  }
  for (const std::string& id : served.user_assigned) {
    // An identity that was deleted stays on the machine without being served.
    const auto identity = world_.user_assigned_identities.find(id);
    if (identity == world_.user_assigned_identities.end()) continue;
    if (selectors == 0 || (client_id && base::iequals(*client_id, identity->second.client_id)) ||
        (object_id && base::iequals(*object_id, identity->second.principal_id)) ||
        (resource_id && base::iequals(*resource_id, id))) {
      return user_assigned(id, identity->second);
    }
  }
  return std::unexpected(imds_token_error(400, "invalid_request", "Identity not found"));
}

base::Result<IssuedToken> ImdsService::token_for(const TokenSubject& subject, const Node& node,
                                                 const std::string& resource, bool bypass_cache) {
  const std::tuple key(node.vm_id + node.machine_id + node.instance_id, subject.client_id, resource);
  const base::WallTime now = clock_.wall_now();
  if (const auto cached = tokens_.find(key); cached != tokens_.end() && !bypass_cache) {
    const IssuedToken& token = cached->second;
    if (now >= token.issued && now < token.issued + (token.expires - token.issued) / 2) return token;
  }
  auto token = issuer_.issue("imds", subject, resource, find_token_resource(world_, resource)->token_version,
                             world_.settings.managed_identity_lifetime);
  if (!token) return token;
  if (tokens_.size() >= kMaxTokens) tokens_.clear();
  tokens_[key] = *token;
  return token;
}

Reply ImdsService::answer_identity_info(const Call& call, const Node& node) const {
  if (!imds_supports_version(call.parameter("api-version").value_or(""))) {
    return imds_token_error(400, "invalid_request",
                            "Required query variable 'api-version' is missing or not supported");
  }
  return json_reply(200, json::object{{"tenantId", tenant_of(node)}});
}

std::string ImdsService::tenant_of(const Node& node) const {
  const auto id = parse_resource_id(node.machine_id);
  const auto subscription = world_.subscriptions.find(id ? id->subscription_id : std::string());
  return subscription == world_.subscriptions.end() ? std::string() : subscription->second.tenant_id;
}

}  // namespace podid::lab::azure
