// SPDX-License-Identifier: Apache-2.0
// The Azure clouds: where their resource manager and their directory answer, and which directories a secret
// may go to.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::azure {

// All endpoints are absolute URLs that end in '/'.
struct Cloud {
  std::string name;                       // canonical spelling, e.g. "AzurePublicCloud"
  std::string resource_manager_endpoint;  // base of every ARM call
  std::string active_directory_endpoint;  // base of the token endpoint
  std::string token_audience;             // `resource` of ARM tokens
};

// The directory used where an AzureIdentity names none.
inline constexpr std::string_view kDefaultDirectory = "https://login.microsoftonline.com/";

// A cloud by one of its names (api.md §10.3), without case. `environment_file` (AZURE_ENVIRONMENT_FILEPATH)
// is read for AzureStackCloud only. Errors: an unknown name (in go-autorest's words), a file that cannot be
// read or lacks endpoints.
base::Result<Cloud> find_cloud(std::string_view name, const std::string& environment_file);

// The content of an AzureStackCloud environment file. `tokenAudience` replaces the resource manager endpoint
// as audience where it is given (MIC-22).
base::Result<Cloud> parse_environment(std::string_view json);

// The directory endpoints to which a credential may be sent (API-1): https only, the known clouds'
// authorities, the newer sovereign ones, and those that the operator adds. Entries compare by scheme, host
// and port. Immutable.
class DirectoryEndpoints {
 public:
  // The built-in ones alone.
  DirectoryEndpoints();
  // Built-in ones and `additional`. A text that is no https URL is refused, naming it.
  static base::Result<DirectoryEndpoints> create(const std::vector<std::string>& additional);

  // The token URL of `tenant` at `endpoint` (empty: kDefaultDirectory), e.g.
  // "https://login.microsoftonline.com/<tenant>/oauth2/token?api-version=1.0": the tenant's path resolved as
  // a relative reference, as aad-pod-identity does. `denied` for an endpoint that is not allowed, `invalid`
  // for a tenant that is neither a GUID nor a domain name.
  base::Result<std::string> token_url(std::string_view endpoint, std::string_view tenant) const;

 private:
  std::vector<std::string> origins_;  // "https://host[:port]"
};

}  // namespace podid::azure
