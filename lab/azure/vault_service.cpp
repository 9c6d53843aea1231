// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/vault_service.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::string_view kAudience = "https://vault.azure.net";

Reply error_reply(int status, std::string_view code, std::string_view message) {
  return json_reply(status, json::object{{"error", json::object{{"code", code}, {"message", message}}}});
}

Reply challenge(std::string_view tenant_id, std::string_view message) {
  Reply reply = error_reply(401, "Unauthorized", message);
  reply.headers.set("WWW-Authenticate", fmt::format(R"(Bearer authorization="https://login.windows.net/{}", )"
                                                    R"(resource="{}")",
                                                    tenant_id, kAudience));
  return reply;
}

std::string refusal_text(TokenProblem problem) {
  switch (problem) {
    case TokenProblem::wrong_issuer:
      return "AKV10032: Invalid issuer. The token is not of this vault's tenant.";
    case TokenProblem::wrong_audience:
      return fmt::format("AKV10022: Invalid audience. Expected {}.", kAudience);
    case TokenProblem::expired:
      return "[TokenExpired] Error validating token: it has expired.";
    default:
      return fmt::format("[BearerReadAccessTokenFailed] Error validating token: {}.", to_string(problem));
  }
}

}  // namespace

Reply VaultService::answer(const Call& call) {
  auto found = world_.vaults.find(call.host());
  if (found == world_.vaults.end() && world_.vaults.size() == 1) found = world_.vaults.begin();
  if (found == world_.vaults.end()) return error_reply(404, "VaultNotFound", "There is no vault of this name.");
  const auto& [host, vault] = *found;

  const auto token = call.bearer_token();
  if (!token) return challenge(vault.tenant_id, "AKV10000: Request is missing a Bearer or PoP token.");
  const auto claims = issuer_.check(*token, vault.tenant_id, {std::string(kAudience)});
  if (!claims) return challenge(vault.tenant_id, refusal_text(claims.error()));
  if (!call.parameter("api-version")) return error_reply(400, "BadParameter", "api-version must be specified");
  const std::vector<std::string>& path = call.segments;
  if (path.size() < 2 || path.size() > 3 || path[0] != "secrets") return error_reply(404, "NotFound", "Not found.");
  if (call.method != "GET") return error_reply(405, "MethodNotAllowed", "Only reading is simulated.");

  const std::string object_id(base::text_at(*claims, {"oid"}));
  const std::string app_id(base::text_at(*claims, {claims->contains("azp") ? "azp" : "appid"}));
  if (!vault.readers.contains(object_id)) {
    Reply reply = error_reply(403, "Forbidden",
                              fmt::format("Caller is not authorized to perform action on resource.\r\nCaller: "
                                          "appid={};oid={}\r\nAction: "
                                          "'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nVault: {}",
                                          app_id, object_id, host));
    return reply;
  }
  const auto secret = vault.secrets.find(path[1]);
  // A secret's version is made from its value, so that it changes with it.
  const std::string version =
      secret == vault.secrets.end() ? "" : base::hex(sha256(secret->second.reveal())).substr(0, 32);
  if (secret == vault.secrets.end() || (path.size() == 3 && path[2] != version)) {
    return error_reply(404, "SecretNotFound",
                       fmt::format("A secret with (name/id) {} was not found in this key vault.", path[1]));
  }
  statistics_.record_secret_read(path[1], object_id, app_id);
  // `readBy` is the lab's own: it shows whose token it was.
  return json_reply(200, json::object{{"value", secret->second.reveal()},
                                      {"id", fmt::format("https://{}/secrets/{}/{}", host, path[1], version)},
                                      {"attributes", json::object{{"enabled", true}, {"recoveryLevel", "Purgeable"}}},
                                      {"readBy", json::object{{"oid", object_id}, {"appid", app_id}}}});
}

}  // namespace podid::lab::azure
