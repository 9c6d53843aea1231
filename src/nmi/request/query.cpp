// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/query.hpp"

#include <optional>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

// `text` itself where it has nothing to decode, else a view of its decoded form at the end of `scratch`.
// `scratch` has room for all of the query, so appending moves nothing.
std::optional<std::string_view> decode(std::string_view text, std::string& scratch) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  const std::optional<std::string> decoded = base::form_decode(text);
  if (!decoded) return std::nullopt;
  const std::size_t start = scratch.size();
  scratch += *decoded;
  return std::string_view(scratch).substr(start);
}

}  // namespace

TokenQuery parse_token_query(std::string_view raw, std::string& scratch) {
  scratch.clear();
  scratch.reserve(raw.size());  // decoding never lengthens
  TokenQuery query;
  std::string_view client_id, msi_res_id, mi_res_id, resource_id, object_id;
  // Whether a value of that name was seen: an empty first value wins over a later one.
  bool seen_resource = false, seen_client = false, seen_msi = false, seen_mi = false, seen_object = false,
       seen_id = false;
  bool seen_bypass = false;
  const auto take = [](std::string_view& slot, bool& seen, std::string_view value) {
    if (!std::exchange(seen, true)) slot = value;
  };
  while (!raw.empty()) {
    const std::size_t end = raw.find('&');
    const std::string_view pair = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view{} : raw.substr(end + 1);
    if (pair.empty() || pair.contains(';')) continue;
    const std::size_t equals = pair.find('=');
    const auto name = decode(pair.substr(0, equals), scratch);
    const auto value = decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), scratch);
    if (!name || !value) continue;
    if (*name == "resource") {
      take(query.resource, seen_resource, *value);
    } else if (*name == "client_id") {
      take(client_id, seen_client, *value);
    } else if (*name == "msi_res_id") {
      take(msi_res_id, seen_msi, *value);
    } else if (*name == "mi_res_id") {
      take(mi_res_id, seen_mi, *value);
    } else if (*name == "resource_id") {
      take(resource_id, seen_id,
           *value);  // azure-identity for Python passes it on as it was given (azure-wire.md §6.1)
    } else if (*name == "object_id") {
      take(object_id, seen_object, *value);
    } else if (*name == "bypass_cache") {
      if (std::exchange(seen_bypass, true) || *value != "true") continue;
      query.bypass_cache = true;
      query.extra.emplace_back(*name, *value);
    } else if (*name == "claims" || *name == "token_sha256_to_refresh" || *name == "xms_cc") {
      if (value->empty()) continue;
      query.has_challenge |= *name != "xms_cc";
      query.extra.emplace_back(*name, *value);
    }
  }
  query.client_id = core::ClientIdView(client_id);
  query.resource_id = core::ResourceIdView(!msi_res_id.empty()  ? msi_res_id
                                           : !mi_res_id.empty() ? mi_res_id
                                                                : resource_id);
  query.object_id = core::ObjectIdView(object_id);
  return query;
}

}  // namespace podid::nmi
