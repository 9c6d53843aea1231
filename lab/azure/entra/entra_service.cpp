// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/entra/entra_service.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/entra/client_assertion.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 4> kAuthorities{"login.microsoftonline.com", "login.windows.net",
                                                       "login.microsoft.com", "sts.windows.net"};
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::unexpected<EntraError> bad_request(std::string_view error, std::int64_t code, std::string text) {
  return std::unexpected(EntraError{.status = 400, .error = error, .code = code, .text = std::move(text)});
}

std::unexpected<EntraError> missing(std::string_view parameter) {
  return bad_request("invalid_request", 900144,
                     fmt::format("The request body must contain the following parameter: '{}'.", parameter));
}

// GUIDs and domain names; nothing else can name a tenant.
bool can_name_tenant(std::string_view text) {
  const auto is_hex = [](char c) { return std::string_view("0123456789abcdefABCDEF").contains(c); };
  if (text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-') {
    return std::ranges::all_of(text, [&](char c) { return c == '-' || is_hex(c); });
  }
  return text.contains('.');
}

std::expected<std::string, EntraError> resolve_tenant(const World& world, std::string_view name) {
  if (base::iequals(name, "common") || base::iequals(name, "organizations") || base::iequals(name, "consumers")) {
    return bad_request("invalid_request", 50059,
                       "No tenant-identifying information found in either the request or implied by any provided "
                       "credentials.");
  }
  if (!can_name_tenant(name)) {
    return bad_request("invalid_request", 900023,
                       fmt::format("Specified tenant identifier '{}' is neither a valid DNS name, nor a valid "
                                   "external domain.",
                                   name));
  }
  auto tenant = find_tenant(world, name);
  if (!tenant) {
    return bad_request("invalid_request", 90002,
                       fmt::format("Tenant '{}' not found. Check to make sure you have the correct tenant ID and "
                                   "are signing into the correct cloud.",
                                   name));
  }
  return std::move(*tenant);
}

// v1: the resource parameter. v2: what stands before the scope's last slash.
std::expected<std::string, EntraError> requested_audience(const std::vector<Parameter>& form, int version) {
  const auto resource = find_parameter(form, "resource");
  if (version == 1) {
    if (!resource) return missing("resource");
    return *resource;
  }
  if (resource) {
    return bad_request("invalid_request", 901002, "The 'resource' request parameter is not supported.");
  }
  const auto scope = find_parameter(form, "scope");
  if (!scope) return missing("scope");
  // MSAL for Go adds the scopes of OpenID Connect, which mean nothing here.
  constexpr std::array<std::string_view, 4> kOpenIdScopes{"openid", "offline_access", "profile", "email"};
  std::vector<std::string_view> scopes = base::split(*scope, ' ');
  std::erase_if(scopes, [&](std::string_view one) {
    return one.empty() || std::ranges::find(kOpenIdScopes, one) != kOpenIdScopes.end();
  });
  constexpr std::string_view kSuffix = "/.default";
  if (scopes.size() != 1 || !scopes[0].ends_with(kSuffix) || scopes[0].size() == kSuffix.size()) {
    return bad_request("invalid_scope", 70011,
                       fmt::format("The provided request must include a 'scope' input parameter. The provided value "
                                   "for the input parameter 'scope' is not valid. The scope {} is not valid.",
                                   *scope));
  }
  return std::string(scopes[0].substr(0, scopes[0].size() - kSuffix.size()));
}

// What the claims parameter says that the client can do; the rest of it is not imitated.
std::vector<std::string> client_capabilities(const std::vector<Parameter>& form) {
  std::vector<std::string> capabilities;
  boost::system::error_code error;
  const json::value claims = json::parse(find_parameter(form, "claims").value_or("{}"), error);
  const json::value* values = error ? nullptr : claims.find_pointer("/access_token/xms_cc/values", error);
  if (values == nullptr || !values->is_array()) return capabilities;
  for (const json::value& value : values->get_array()) {
    if (value.is_string()) capabilities.emplace_back(value.get_string());
  }
  return capabilities;
}

struct BasicCredentials {
  std::string client_id;
  std::string secret;
};

std::optional<BasicCredentials> basic_credentials(const Call& call) {
  const std::string_view value = call.headers.get_or_empty("Authorization");
  if (!base::istarts_with(value, "Basic ")) return std::nullopt;
  const auto decoded = base::base64_decode(base::trim(value.substr(6)));
  if (!decoded || !decoded->contains(':')) return std::nullopt;
  auto client_id = base::form_decode(std::string_view(*decoded).substr(0, decoded->find(':')));
  auto secret = base::form_decode(std::string_view(*decoded).substr(decoded->find(':') + 1));
  if (!client_id || !secret) return std::nullopt;
  return BasicCredentials{.client_id = std::move(*client_id), .secret = std::move(*secret)};
}

std::expected<void, EntraError> check_secret(const std::string& given, std::string_view client_id,
                                             const Application& application, base::WallTime now) {
  const base::Secret secret(given);
  const auto refused = [](std::int64_t code, std::string text) {
    return std::unexpected(EntraError{.status = 401, .error = "invalid_client", .code = code, .text = std::move(text)});
  };
  for (const auto& [name, known] : application.secrets) {
    if (known.value != secret) continue;
    if (known.expires && *known.expires <= now) {
      return refused(7000222, fmt::format("The provided client secret keys for app '{}' are expired. Visit the Azure "
                                          "portal to create new keys for your app, or consider using certificate "
                                          "credentials for added security.",
                                          client_id));
    }
    return {};
  }
  return refused(7000215, fmt::format("Invalid client secret provided. Ensure the secret being sent in the request "
                                      "is the client secret value, not the client secret ID, for a secret added to "
                                      "app '{}'.",
                                      client_id));
}

// Where an assertion may say it goes: every name of this tenant's token endpoints.
std::vector<std::string> token_endpoints(const Call& call, const std::string& tenant_id, const Tenant& tenant) {
  std::vector<std::string> out;
  std::vector<std::string> origins{call.origin()};
  for (const std::string_view authority : kAuthorities) origins.push_back(fmt::format("https://{}", authority));
  for (const std::string& origin : origins) {
    for (const std::string& name : {tenant_id, tenant.domain}) {
      out.push_back(fmt::format("{}/{}/oauth2/v2.0/token", origin, name));
      out.push_back(fmt::format("{}/{}/oauth2/token", origin, name));
    }
    out.push_back(fmt::format("{}/{}/v2.0", origin, tenant_id));
  }
  return out;
}

void add_common_headers(Reply& reply, base::Random& random) {
  reply.headers.set("Cache-Control", "no-store, no-cache");
  reply.headers.set("Pragma", "no-cache");
  reply.headers.set("Expires", "-1");
  reply.headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  reply.headers.set("X-Content-Type-Options", "nosniff");
  reply.headers.set("P3P", R"(CP="DSP CUR OTPi IND OTRi ONL FIN")");
  reply.headers.set("x-ms-ests-server", "2.1.0 - LAB ProdSlices");
  reply.headers.set("x-ms-clitelem", "1,0,0,,");
  if (!reply.headers.find("x-ms-request-id")) reply.headers.set("x-ms-request-id", random.uuid());
}

}  // namespace

Reply EntraService::answer(const Call& call) {
  const std::vector<std::string>& path = call.segments;
  const auto is = [&](std::initializer_list<std::string_view> rest) {
    return path.size() == rest.size() + 1 && std::equal(rest.begin(), rest.end(), path.begin() + 1);
  };
  const auto error_reply = [&](const EntraError& error) {
    return entra_error_reply(error, clock_.wall_now(), random_, call.headers.get_or_empty("client-request-id"));
  };
  if (is({"discovery", "instance"})) return answer_instance_discovery(call);
  const bool v1_token = is({"oauth2", "token"});
  if (v1_token || is({"oauth2", "v2.0", "token"})) {
    auto reply = answer_token(call, path[0], v1_token ? 1 : 2);
    Reply out = reply ? std::move(*reply) : error_reply(reply.error());
    add_common_headers(out, random_);
    if (const auto id = call.headers.find("client-request-id")) out.headers.set("client-request-id", *id);
    return out;
  }
  const bool v1_configuration = is({".well-known", "openid-configuration"});
  if (v1_configuration || is({"v2.0", ".well-known", "openid-configuration"})) {
    auto tenant = resolve_tenant(world_, path[0]);
    if (!tenant) {
      // The discovery URL names this error differently from the token endpoint.
      if (tenant.error().code == 90002) tenant.error().error = "invalid_tenant";
      return error_reply(tenant.error());
    }
    return answer_openid_configuration(call, *tenant, v1_configuration ? 1 : 2);
  }
  const bool v1_keys = is({"discovery", "keys"});
  if (v1_keys || is({"discovery", "v2.0", "keys"})) {
    Reply reply = json_reply(200, issuer_.key_set(v1_keys ? "https://sts.windows.net/{tenantid}/"
                                                          : "https://login.microsoftonline.com/{tenantid}/v2.0"));
    reply.headers.set("Cache-Control", "max-age=86400, private");
    return reply;
  }
  return {.status = 404, .content_type = "text/plain", .body = "Not found"};
}

std::expected<Reply, EntraError> EntraService::answer_token(const Call& call, const std::string& tenant_name,
                                                            int version) {
  if (call.method != "POST") {
    return std::unexpected(EntraError{
        .status = 405,
        .error = "invalid_request",
        .code = 900561,
        .text = fmt::format("The endpoint only accepts POST requests. Received a {} request.", call.method)});
  }
  const auto tenant = resolve_tenant(world_, tenant_name);
  if (!tenant) return std::unexpected(tenant.error());
  std::vector<Parameter> form;
  if (base::istarts_with(call.headers.get_or_empty("Content-Type"), "application/x-www-form-urlencoded")) {
    if (auto parsed = parse_form(call.body)) form = std::move(*parsed);
  }
  const auto grant = find_parameter(form, "grant_type");
  if (!grant) return missing("grant_type");
  if (*grant != "client_credentials") {
    return bad_request("unsupported_grant_type", 70003,
                       fmt::format("The app requested an unsupported grant type '{}'.", *grant));
  }
  auto subject = authenticate(call, form, *tenant);
  if (!subject) return std::unexpected(subject.error());
  subject->capabilities = client_capabilities(form);
  const auto audience = requested_audience(form, version);
  if (!audience) return std::unexpected(audience.error());
  const TokenResource* resource = find_token_resource(world_, *audience);
  if (resource == nullptr) return std::unexpected(unknown_resource(*audience, *tenant));

  // Version 2 tokens carry the resource's application ID, version 1 tokens the identifier that was asked for.
  const std::string& token_audience = resource->token_version == 2 ? resource->app_id : *audience;
  const auto lifetime = world_.settings.application_lifetime;
  auto token = issuer_.issue("entra", *subject, token_audience, resource->token_version, lifetime);
  if (!token) {
    return std::unexpected(EntraError{
        .status = 500, .error = "temporarily_unavailable", .code = 90033, .text = "A transient error has occurred."});
  }
  const std::int64_t expires_in = std::max<std::int64_t>(lifetime.count() - 1, 0);
  if (version == 2) {
    return json_reply(200, json::object{{"token_type", "Bearer"},
                                        {"expires_in", expires_in},
                                        {"ext_expires_in", expires_in},
                                        {"access_token", token->text}});
  }
  const std::string lifetime_text = std::to_string(expires_in);
  return json_reply(200, json::object{{"token_type", "Bearer"},
                                      {"expires_in", lifetime_text},
                                      {"ext_expires_in", lifetime_text},
                                      {"expires_on", std::to_string(base::unix_seconds(token->expires))},
                                      {"not_before", std::to_string(base::unix_seconds(token->not_before))},
                                      {"resource", *audience},
                                      {"access_token", token->text}});
}

std::expected<TokenSubject, EntraError> EntraService::authenticate(const Call& call, const std::vector<Parameter>& form,
                                                                   const std::string& tenant_id) {
  auto client_id = find_parameter(form, "client_id");
  auto secret = find_parameter(form, "client_secret");
  if (auto basic = basic_credentials(call)) {
    client_id = std::move(basic->client_id);
    secret = std::move(basic->secret);
  }
  const auto assertion = find_parameter(form, "client_assertion");
  if (!client_id) return missing("client_id");
  const auto found = world_.applications.find(*client_id);
  if (found == world_.applications.end() || !base::iequals(found->second.tenant_id, tenant_id)) {
    return bad_request("unauthorized_client", 700016,
                       fmt::format("Application with identifier '{}' was not found in the directory '{}'. This can "
                                   "happen if the application has not been installed by the administrator of the "
                                   "tenant or consented to by any user in the tenant. You may have sent your "
                                   "authentication request to the wrong tenant.",
                                   *client_id, tenant_id));
  }
  const Application& application = found->second;
  if (!application.enabled) {
    return bad_request("unauthorized_client", 7000112,
                       fmt::format("Application '{}'({}) is disabled.", *client_id, application.name));
  }
  TokenSubject subject{.tenant_id = tenant_id, .object_id = application.object_id, .client_id = found->first};
  if (assertion) {
    if (!find_parameter(form, "client_assertion_type")) return missing("client_assertion_type");
    if (find_parameter(form, "client_assertion_type") != kAssertionType) {
      return bad_request("invalid_request", 7000219,
                         fmt::format("'client_assertion_type' must be '{}'.", kAssertionType));
    }
    const auto endpoints = token_endpoints(call, tenant_id, world_.tenants.find(tenant_id)->second);
    const auto checked = check_client_assertion(*assertion, *client_id, application, endpoints, clock_.wall_now());
    if (!checked) return std::unexpected(checked.error());
    subject.authentication = "2";
    return subject;
  }
  if (!secret) {
    return std::unexpected(EntraError{
        .status = 401,
        .error = "invalid_client",
        .code = 7000218,
        .text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."});
  }
  const auto checked = check_secret(*secret, *client_id, application, clock_.wall_now());
  if (!checked) return std::unexpected(checked.error());
  subject.authentication = "1";
  return subject;
}

Reply EntraService::answer_instance_discovery(const Call& call) {
  const auto endpoint = net::parse_url(call.parameter("authorization_endpoint").value_or(""));
  const bool known =
      endpoint && endpoint->tls &&
      (std::ranges::find(kAuthorities, endpoint->host) != kAuthorities.end() || endpoint->host == call.host());
  if (!known) {
    return entra_error_reply(
        {.status = 400, .error = "invalid_instance", .code = 50049, .text = "Unknown or invalid instance."},
        clock_.wall_now(), random_, call.headers.get_or_empty("client-request-id"));
  }
  const auto parts = base::split(endpoint->target, '/');
  const std::string tenant(parts.size() > 1 ? parts[1] : "common");
  json::object metadata{{"preferred_network", "login.microsoftonline.com"}, {"preferred_cache", "login.windows.net"}};
  json::array& aliases = metadata["aliases"].emplace_array();
  for (const std::string_view authority : kAuthorities) aliases.emplace_back(authority);
  json::array list;
  list.push_back(std::move(metadata));
  return json_reply(
      200, json::object{{"tenant_discovery_endpoint", fmt::format("https://{}/{}/v2.0/.well-known/openid-configuration",
                                                                  endpoint->authority(), tenant)},
                        {"api-version", "1.1"},
                        {"metadata", std::move(list)}});
}

Reply EntraService::answer_openid_configuration(const Call& call, const std::string& tenant_id, int version) const {
  const std::string base = fmt::format("{}/{}", call.origin(), tenant_id);
  const std::string oauth = version == 1 ? base + "/oauth2" : base + "/oauth2/v2.0";
  // MSAL wants the issuer's host to be the authority's or a well-known one; signatures say the well-known names.
  const std::string issuer = version == 1 ? fmt::format("https://sts.windows.net/{}/", tenant_id)
                                          : fmt::format("https://login.microsoftonline.com/{}/v2.0", tenant_id);
  Reply reply = json_reply(
      200, json::object{{"token_endpoint", oauth + "/token"},
                        {"token_endpoint_auth_methods_supported",
                         {"client_secret_post", "private_key_jwt", "client_secret_basic"}},
                        {"jwks_uri", base + (version == 1 ? "/discovery/keys" : "/discovery/v2.0/keys")},
                        {"response_modes_supported", {"query", "fragment", "form_post"}},
                        {"subject_types_supported", json::array{"pairwise"}},
                        {"id_token_signing_alg_values_supported", json::array{"RS256"}},
                        {"response_types_supported", {"code", "id_token", "code id_token", "id_token token"}},
                        {"scopes_supported", {"openid", "profile", "email", "offline_access"}},
                        {"issuer", issuer},
                        {"request_uri_parameter_supported", false},
                        {"authorization_endpoint", oauth + "/authorize"},
                        {"device_authorization_endpoint", oauth + "/devicecode"},
                        {"http_logout_supported", true},
                        {"frontchannel_logout_supported", true},
                        {"end_session_endpoint", oauth + "/logout"},
                        {"claims_supported", {"sub", "iss", "aud", "exp", "iat", "nonce", "tid", "ver"}},
                        {"tenant_region_scope", "WW"},
                        {"cloud_instance_name", "microsoftonline.com"},
                        {"cloud_graph_host_name", "graph.windows.net"},
                        {"msgraph_host", "graph.microsoft.com"},
                        {"rbac_url", "https://pas.windows.net"}});
  reply.headers.set("Cache-Control", "max-age=86400, private");
  reply.headers.set("Access-Control-Allow-Origin", "*");
  return reply;
}

}  // namespace podid::lab::azure
