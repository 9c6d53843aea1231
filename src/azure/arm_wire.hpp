// SPDX-License-Identifier: Apache-2.0
// The resource manager's requests, answers and errors as pure functions (azure-wire.md §3, mic.md §7).
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azure/azure_resource.hpp"
#include "azure/identity_patch.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"

namespace podid::azure {

inline constexpr std::string_view kComputeApiVersion = "2019-12-01";

// Path and query of the resource below the resource manager's endpoint; names are percent-encoded.
std::string resource_target(const AzureResource& resource);
net::Request arm_get(std::string target, const base::Secret& token);
net::Request arm_patch(std::string target, std::string body, const base::Secret& token);

// All resources of this one's kind in its group; its name is not looked at.
std::string collection_target(const AzureResource& resource);

// The body of a GET or PATCH answer. Members that are absent or null read as empty; `invalid` when it is not
// an object or `identity` has another shape.
base::Result<IdentityState> parse_resource(std::string_view body);

// One page of a collection's answer: states by AzureResource::key(), and where the next page is (empty: nowhere).
struct ResourcePage {
  std::map<std::string, IdentityState> states;
  std::string next_link;
};
// `collection` gives the keys all but the name. Resources that cannot be read, or whose id says that they are elsewhere,
// are left out.
base::Result<ResourcePage> parse_resource_page(std::string_view body, const AzureResource& collection);

// An answer that is an error: kind by status, `code` and message from the body in either envelope (with or
// without "error"), the whole text of the message kept, retry_after.
base::Error arm_error(const net::Response& response, base::WallTime now);

// Every user-assigned identity id between single quotes in an error message (several may share a pair,
// separated by commas), lower case, each once, in order (MIC-16: all characters that Azure allows in names).
std::vector<std::string> quoted_identity_ids(std::string_view message);

// Whether Azure accepts it as the ID of a user-assigned identity; names of dots alone would lead elsewhere.
bool is_user_identity_id(std::string_view id);

// Whether the error is about single identities, so that the others may be tried without them.
bool is_identity_error(const base::Error& error);

// --- Long-running operations (azure-wire.md §3.4) ---
enum class OperationState { running, succeeded, failed };

struct OperationStep {
  OperationState state = OperationState::running;
  std::string poll_url;      // newest one to ask; empty: the resource itself
  bool by_location = false;  // poll_url is a Location: its status code is the answer
  std::optional<std::chrono::seconds> retry_after;
  std::optional<base::Error> error;  // with failed
};

// What the answer to a PATCH says. Call with 2xx answers only.
OperationStep read_patch_answer(const net::Response& response, base::WallTime now);
// What a poll's answer says; `previous` is the step that led to it. Call with 2xx answers only.
OperationStep read_poll_answer(const net::Response& response, const OperationStep& previous, base::WallTime now);

// --- Throttling (azure-wire.md §3.6) ---
struct ThrottleScope {
  bool resource = false;      // this VM or scale set
  bool subscription = false;  // every call of this direction in the subscription
};
// Whom a 429 concerns. At least one is true.
ThrottleScope throttle_scope(const net::Response& response, const base::Error& error);
// The lowest of the counts that the answer gives for the subscription or tenant, if it gives any.
std::optional<int> remaining_calls(const net::Headers& headers);

}  // namespace podid::azure
