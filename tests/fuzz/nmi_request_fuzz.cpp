// SPDX-License-Identifier: Apache-2.0
// Any target through the pure part of the request path: routing, query, decision to proxy. What goes to the real endpoint
// must not be a token path, however a lenient server behind us reads it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/query.hpp"

namespace {

using namespace podid;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_token_path(const std::string& form) {
  if (!form.starts_with("/metadata/identity")) return false;
  const std::size_t oauth2 = form.find("oauth2");
  return oauth2 != std::string::npos && form.find("token", oauth2) != std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const std::string target(reinterpret_cast<const char*>(data), size);
  const nmi::RouteOptions strict{.block_instance = true, .strict_paths = true};
  const nmi::Routed routed = nmi::route_request(target, strict);
  if (routed.route == nmi::Route::proxy || routed.route == nmi::Route::scheduled_events) {
    // Of the absolute form the endpoint gets the path alone (forwarded_request()).
    const std::string path(nmi::split_target(target).path);
    const std::string form = base::to_lower(nmi::strict_form(path.substr(0, path.find('?'))));
    require(!is_token_path(form));
    require(!form.starts_with("/metadata/instance"));
    require(form.starts_with("/metadata/"));
    require(!form.starts_with("/metadata/identity") || form.starts_with("/metadata/identity/info"));
  }
  if (routed.route == nmi::Route::redirect) {
    // It leads to a canonical path of ours, and nowhere else.
    require(routed.location.starts_with('/') && !routed.location.starts_with("//"));
    require(nmi::route_request(routed.location, strict).route != nmi::Route::redirect);
    for (const char c : routed.location.substr(0, routed.location.find('?'))) require(c > ' ' && c != 0x7f);
  }
  std::string scratch;
  const nmi::TokenQuery query = nmi::parse_token_query(routed.query, scratch);
  require(query.resource.size() <= size && query.client_id.text().size() <= size &&
          query.resource_id.text().size() <= size);
  return 0;
}
