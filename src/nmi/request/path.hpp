// SPDX-License-Identifier: Apache-2.0
// From a request target to a route (nmi.md §3.2, §3.3, NMI-11). Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace podid::nmi {

enum class Route {
  token,               // a token for the calling pod
  invalid_token_path,  // 400: resembles the token path, must never reach the real endpoint
  host_token,          // a token for a pod named by a node agent
  blocked_instance,    // 403: --block-instance-metadata
  node_credential,     // 404: IMDSv2, which hands out certificates for the node's own identities (azure-wire.md §1.8)
  proxy,               // the real endpoint answers, GET and HEAD alone
  scheduled_events,    // the same; a POST acknowledges an event, which starts a reboot of the node
  not_passed_on,       // 403: not on the list of what the real endpoint may be asked (SEC-6)
  identity_path,       // 403: below /metadata/identity, where no flag opens anything
  proof,               // whether a pod reaches us where it asks for the real endpoint
  redirect,            // 301 to the canonical path
  malformed,           // 400: no path at all
};

struct RouteOptions {
  bool block_instance = false;
  // Also refuse token paths whose "identity" is not in lower case (the real endpoint does not know them).
  bool strict_paths = false;
  // What the real endpoint may be asked beside the paths that are always on the list (--proxy-paths), each as
  // proxy_path_form() leaves it; what lies below is meant, too.
  std::vector<std::string> proxy_paths{};
};

struct Routed {
  Route route = Route::malformed;
  std::string_view query;      // after '?', as sent; a view of the target
  std::string_view authority;  // of the absolute form; a view of the target
  // Decoded path of a token or host_token request: what the log line and the metric's operation_type name. Empty when
  // the target's path needed no decoding (then it is the target up to '?').
  std::string decoded_path;
  std::string location;  // of a redirect
};

// Allocates nothing for an ordinary token request. `target` is as received: origin form or absolute form.
Routed route_request(std::string_view target, const RouteOptions& options);

// What is wrong with a value of --proxy-paths; empty: nothing.
std::string problem_with_proxy_path(std::string_view path);
// In lower case and without a slash at the end.
std::string proxy_path_form(std::string_view path);

struct SplitTarget {
  std::string_view authority;  // of the absolute form, as a client sends it to a proxy; else empty
  std::string_view path;       // with the query
};
// What is judged and what is passed on: the one reading of the absolute form. Views of the target.
SplitTarget split_target(std::string_view target);

// Exposed for tests and the fuzz target.

// path.Clean of Go with the trailing slash kept: no "//", "/./", "/../", a leading slash.
std::string canonical_path(std::string_view decoded);
// What a lenient server behind us could take the path for: escapes decoded until nothing changes, back-slashes as
// slashes, slashes collapsed, dot segments resolved. Empty when it has control characters or more layers of escapes
// than any client writes.
std::string strict_form(std::string_view path);

}  // namespace podid::nmi
