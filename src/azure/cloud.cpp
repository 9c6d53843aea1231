// SPDX-License-Identifier: Apache-2.0
#include "azure/cloud.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "azure/json_fields.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "net/http.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

struct KnownCloud {
  std::string_view name;
  std::string_view alias;
  std::string_view resource_manager;
  std::string_view directory;
};

constexpr std::array<KnownCloud, 4> kClouds = {{
    {"AzurePublicCloud", "AzureCloud", "https://management.azure.com/", "https://login.microsoftonline.com/"},
    {"AzureUSGovernmentCloud", "AzureUSGovernment", "https://management.usgovcloudapi.net/",
     "https://login.microsoftonline.us/"},
    {"AzureChinaCloud", "AzureChinaCloud", "https://management.chinacloudapi.cn/", "https://login.chinacloudapi.cn/"},
    {"AzureGermanCloud", "AzureGermanCloud", "https://management.microsoftazure.de/",
     "https://login.microsoftonline.de/"},
}};

// Hosts of the known clouds' directories, their documented aliases and the newer sovereign clouds
// (azure-wire.md §2.1).
constexpr std::array<std::string_view, 13> kDirectoryHosts = {
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login.usgovcloudapi.net",
    "login-us.microsoftonline.com",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.de",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
};

constexpr std::size_t kMaxTenantLength = 253;  // of a domain name

std::string origin_of(const net::Url& url) { return "https://" + url.authority(); }

bool is_tenant(std::string_view tenant) {
  if (tenant.size() > kMaxTenantLength || tenant.starts_with('.') || tenant.contains("..")) return false;
  return std::ranges::all_of(tenant, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

// An endpoint of an environment file: an absolute URL, given the '/' at its end that relative paths need.
base::Result<std::string> read_endpoint(const boost::json::object& environment, std::string_view name) {
  std::string text(base::text_at(environment, {name}));
  if (text.empty()) return fail(ErrorKind::invalid, fmt::format("{} is missing", name));
  const auto url = net::parse_url(text);
  if (!url) return fail(url.error(), name);
  if (!text.ends_with('/')) text += '/';
  return text;
}

}  // namespace

base::Result<Cloud> parse_environment(std::string_view json) {
  const auto environment = parse_object(json);
  if (!environment) return std::unexpected(environment.error());
  auto resource_manager = read_endpoint(*environment, "resourceManagerEndpoint");
  if (!resource_manager) return std::unexpected(resource_manager.error());
  auto directory = read_endpoint(*environment, "activeDirectoryEndpoint");
  if (!directory) return std::unexpected(directory.error());
  Cloud cloud;
  cloud.name = base::text_at(*environment, {"name"});
  if (cloud.name.empty()) cloud.name = "AzureStackCloud";
  cloud.token_audience = base::text_at(*environment, {"tokenAudience"});
  if (cloud.token_audience.empty()) cloud.token_audience = *resource_manager;
  cloud.resource_manager_endpoint = std::move(*resource_manager);
  cloud.active_directory_endpoint = std::move(*directory);
  return cloud;
}

base::Result<Cloud> find_cloud(std::string_view name, const std::string& environment_file) {
  for (const KnownCloud& known : kClouds) {
    if (!base::iequals(name, known.name) && !base::iequals(name, known.alias)) continue;
    return Cloud{.name = std::string(known.name),
                 .resource_manager_endpoint = std::string(known.resource_manager),
                 .active_directory_endpoint = std::string(known.directory),
                 .token_audience = std::string(known.resource_manager)};
  }
  if (!base::iequals(name, "AzureStackCloud")) {
    std::string upper(name);
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return fail(ErrorKind::invalid,
                fmt::format("autorest/azure: There is no cloud environment matching the name \"{}\"", upper));
  }
  if (environment_file.empty()) {
    return fail(ErrorKind::invalid, "cloud AzureStackCloud needs AZURE_ENVIRONMENT_FILEPATH, which is not set");
  }
  const auto content = base::read_file(environment_file);
  if (!content) return fail(content.error(), "cloud AzureStackCloud");
  auto cloud = parse_environment(*content);
  if (!cloud) return fail(cloud.error(), "cloud environment file " + environment_file);
  return cloud;
}

DirectoryEndpoints::DirectoryEndpoints() {
  for (const std::string_view host : kDirectoryHosts) origins_.push_back(fmt::format("https://{}", host));
}

base::Result<DirectoryEndpoints> DirectoryEndpoints::create(const std::vector<std::string>& additional) {
  DirectoryEndpoints endpoints;
  for (const std::string& text : additional) {
    const auto url = net::parse_url(text);
    if (!url) return fail(url.error(), "directory endpoint \"" + text + "\"");
    if (!url->tls) {
      return fail(ErrorKind::invalid, fmt::format("directory endpoint \"{}\" is not https", text));
    }
    endpoints.origins_.push_back(origin_of(*url));
  }
  return endpoints;
}

base::Result<std::string> DirectoryEndpoints::token_url(std::string_view endpoint, std::string_view tenant) const {
  if (endpoint.empty()) endpoint = kDefaultDirectory;
  if (tenant.empty()) return fail(ErrorKind::invalid, "parameter 'tenantID' cannot be empty");
  if (!is_tenant(tenant)) {
    return fail(ErrorKind::invalid,
                fmt::format("tenant {} is neither a GUID nor a domain name", base::go_quote(tenant)));
  }
  const auto url = net::parse_url(endpoint);
  if (!url) return fail(url.error(), fmt::format("adEndpoint {}", base::go_quote(endpoint)));
  if (!url->tls) return fail(ErrorKind::denied, fmt::format("adEndpoint {} is not https", base::go_quote(endpoint)));
  if (std::ranges::find(origins_, origin_of(*url)) == origins_.end()) {
    return fail(ErrorKind::denied, fmt::format("adEndpoint {} is not a known cloud's authority; the operator can "
                                               "allow it with --allowed-ad-endpoints",
                                               base::go_quote(endpoint)));
  }
  const std::string_view path = std::string_view(url->target).substr(0, url->target.find('?'));
  const std::string_view folder = path.substr(0, path.rfind('/') + 1);
  return fmt::format("{}{}{}/oauth2/token?api-version=1.0", origin_of(*url), folder, tenant);
}

}  // namespace podid::azure
