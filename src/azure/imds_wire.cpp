// SPDX-License-Identifier: Apache-2.0
#include "azure/imds_wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace podid::azure {
namespace {

constexpr std::string_view kTokenPath = "/metadata/identity/oauth2/token";
constexpr std::string_view kApiVersion = "2018-02-01";
constexpr std::array<std::string_view, 7> kOwnNames = {"api-version", "resource",  "client_id",  "object_id",
                                                       "msi_res_id",  "mi_res_id", "resource_id"};

using Parameter = std::pair<std::string, std::string>;

bool is_own(std::string_view name) {
  return std::ranges::any_of(kOwnNames, [&](std::string_view own) { return base::iequals(own, name); });
}

}  // namespace

base::Result<net::Request> imds_token_request(const ImdsTokenRequest& request) {
  if (request.resource.empty()) {
    return base::fail(base::ErrorKind::invalid, "parameter 'resource' cannot be empty");
  }
  std::vector<Parameter> parameters = {{"api-version", std::string(kApiVersion)}, {"resource", request.resource}};
  if (!request.client_id.empty()) parameters.emplace_back("client_id", request.client_id);
  if (!request.resource_id.empty()) parameters.emplace_back("msi_res_id", request.resource_id);
  if (!request.object_id.empty()) parameters.emplace_back("object_id", request.object_id);
  if (parameters.size() > 3) {
    return base::fail(base::ErrorKind::invalid,
                      "a managed identity is selected by client id, resource id or object id, not by several of them");
  }
  for (const Parameter& extra : request.extra) {
    const auto same_name = [&](const Parameter& other) { return base::iequals(other.first, extra.first); };
    if (!is_own(extra.first) && std::ranges::none_of(parameters, same_name)) parameters.push_back(extra);
  }
  std::ranges::sort(parameters, {}, &Parameter::first);

  net::Request wire;
  wire.target = kTokenPath;
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    wire.target += fmt::format("{}{}={}", separator, base::form_encode(name), base::form_encode(value));
    separator = '&';
  }
  wire.headers.add("Metadata", "true");
  return wire;
}

bool is_imds_retry_status(int status) {
  switch (status) {
    case 404:
    case 408:
    case 410:
    case 429:
    case 510:
    case 511:
      return true;
    default:
      return status >= 500 && status <= 508;
  }
}

}  // namespace podid::azure
