// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_source.hpp"

#include "azure/imds_wire.hpp"

namespace podid::nmi {

bool is_refusal(const base::Error& error) {
  if (azure::token_endpoint_answered(error)) {
    const int status = error.http_status;
    return status >= 400 && status < 500 && !azure::is_imds_retry_status(status);
  }
  switch (error.kind) {
    case base::ErrorKind::not_found:
    case base::ErrorKind::denied:
    case base::ErrorKind::invalid:
    case base::ErrorKind::unsupported:
      return true;
    default:
      return false;
  }
}

std::string_view withheld_for(const base::Error& error) {
  if (error.kind != base::ErrorKind::denied || azure::token_endpoint_answered(error)) return {};
  for (const std::string_view code : {kClientIdMismatch, kNeverIssued, kNotControllersIdentity}) {
    if (error.code == code) return code;
  }
  return {};
}

}  // namespace podid::nmi
