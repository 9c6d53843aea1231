// SPDX-License-Identifier: Apache-2.0
#include "azure/entra_wire.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "azure/json_fields.hpp"
#include "base/text.hpp"

namespace podid::azure {
namespace {

constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::unexpected<base::Error> empty_parameter(std::string_view name) {
  return base::fail(base::ErrorKind::invalid, fmt::format("parameter '{}' cannot be empty", name));
}

}  // namespace

base::Result<std::string> claims_request(std::string_view claims, std::string_view capabilities) {
  if (claims.empty() && capabilities.empty()) return std::string();
  boost::json::object merged;
  if (!claims.empty()) {
    auto parsed = parse_object(claims);
    if (!parsed) return base::fail(std::move(parsed.error()), "parameter claims");
    merged = std::move(*parsed);
  }
  if (!capabilities.empty()) {
    boost::json::array values;
    for (const std::string_view capability : base::split(capabilities, ',')) {
      if (const std::string_view trimmed = base::trim(capability); !trimmed.empty()) values.emplace_back(trimmed);
    }
    boost::json::value& access_token = merged["access_token"];
    if (access_token.is_null()) access_token = boost::json::object();
    if (!access_token.is_object()) {
      return base::fail(base::ErrorKind::invalid, "parameter claims: access_token is not an object");
    }
    access_token.as_object()["xms_cc"] = boost::json::object{{"values", std::move(values)}};
  }
  return boost::json::serialize(merged);
}

base::Result<std::string> entra_form(const EntraTokenRequest& request, std::string_view assertion) {
  if (request.client_id.empty()) return empty_parameter("clientID");
  const auto* secret = std::get_if<base::Secret>(&request.credential);
  if (secret != nullptr && secret->empty()) return empty_parameter("secret");
  if (request.resource.empty()) return empty_parameter("resource");

  std::string form;
  const auto add = [&form](std::string_view name, std::string_view value) {
    if (!form.empty()) form += '&';
    form += fmt::format("{}={}", name, base::form_encode(value));
  };
  if (!request.claims.empty()) add("claims", request.claims);
  if (secret == nullptr) {
    add("client_assertion", assertion);
    add("client_assertion_type", kAssertionType);
  }
  add("client_id", request.client_id);
  if (secret != nullptr) add("client_secret", secret->reveal());
  add("grant_type", "client_credentials");
  add("resource", request.resource);
  return form;
}

net::Request entra_token_request(std::string form, std::string_view target) {
  net::Request request;
  request.method = "POST";
  request.target = target;
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = std::move(form);
  return request;
}

}  // namespace podid::azure
