// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/endpoints.hpp"

#include <array>

#include "base/text.hpp"

namespace podid::lab::azure {
namespace {

std::string_view imds_endpoint(const std::vector<std::string>& path) {
  if (path.size() == 4 && path[1] == "identity" && path[2] == "oauth2" && path[3] == "token") return "imds.token";
  if (path.size() > 1 && path[1] == "instance") return "imds.instance";
  return "imds.other";
}

std::string_view entra_endpoint(const std::vector<std::string>& path) {
  if (path.size() < 2) return "entra.other";
  if (path[1] == "oauth2" && path.back() == "token") return "entra.token";
  if (path.back() == "openid-configuration" || path.back() == "instance") return "entra.discovery";
  if (path.back() == "keys") return "entra.keys";
  return "entra.other";
}

std::string_view arm_endpoint(const Call& call) {
  const std::vector<std::string>& path = call.segments;
  if (path.size() == 8 && base::iequals(path[6], "operations")) return "arm.operation";
  if (path.size() == 8 && base::iequals(path[6], "userAssignedIdentities")) return "arm.identity";
  const bool machines = !path.empty() && base::istarts_with(path.back(), "virtualMachine");
  if (machines && (path.size() == 7 || path.size() == 5)) return "arm.list";
  if (path.size() == 8 && call.method == "GET") return "arm.get";
  if (path.size() == 8 && call.method == "PATCH") return "arm.patch";
  return "arm.other";
}

}  // namespace

std::string_view endpoint_of(Role role, const Call& call) {
  switch (role) {
    case Role::imds:
      return imds_endpoint(call.segments);
    case Role::entra:
      return entra_endpoint(call.segments);
    case Role::arm:
      return arm_endpoint(call);
    case Role::vault:
      return !call.segments.empty() && call.segments[0] == "secrets" ? "vault.secret" : "vault.other";
    case Role::control:
      return "control";
    case Role::azure:
      break;  // resolved before
  }
  return "other";
}

std::optional<Role> role_of_host(std::string_view host) {
  constexpr std::array<std::string_view, 4> kLogin{"login.microsoftonline.com", "login.windows.net",
                                                   "login.microsoft.com", "sts.windows.net"};
  if (std::ranges::find(kLogin, host) != kLogin.end()) return Role::entra;
  if (host == "management.azure.com") return Role::arm;
  if (host.ends_with(".vault.azure.net")) return Role::vault;
  return std::nullopt;
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::imds:
      return "imds";
    case Role::azure:
      return "azure";
    case Role::entra:
      return "entra";
    case Role::arm:
      return "arm";
    case Role::vault:
      return "vault";
    case Role::control:
      return "control";
  }
  return "";
}

}  // namespace podid::lab::azure
