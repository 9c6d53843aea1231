// SPDX-License-Identifier: Apache-2.0
// What the API server says when it refuses (meta/v1 Status), as base::Error. Pure.
#pragma once
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "kube/json.hpp"
#include "net/http.hpp"

namespace podid::kube {

// The reason of a Status decides where the code is ambiguous: 409 is AlreadyExists or Conflict, 500 may be a timeout.
// error.code is the reason, error.http_status the code, error.retry_after from details.retryAfterSeconds.
base::Error error_from_status(const json::value& status);

// An answer of 300 and above. A body that is not a Status (a proxy's page) is quoted, shortened. `request` ("GET
// /api/v1/pods") names what was asked where the server's own text does not. The header Retry-After wins over the
// body.
base::Error error_from_response(const net::Response& response, std::string_view request, base::WallTime now);

// The cause ResourceVersionTooLarge: the server has not seen that version yet.
bool is_version_too_large(const base::Error& error);
// The cause NamespaceTerminating: the namespace is being deleted, nothing can be created in it any more.
bool is_namespace_terminating(const base::Error& error);

}  // namespace podid::kube
