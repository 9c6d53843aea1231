// SPDX-License-Identifier: Apache-2.0
// The query string of a token request (nmi.md §3.7).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"

namespace podid::nmi {

// Longer queries are refused: what they hold becomes part of cache keys. Resources and identity IDs need a few
// hundred bytes.
inline constexpr std::size_t kMaxTokenQueryBytes = 4096;

// Parameters that count; of a repeated name the first value. Empty: absent.
struct TokenQuery {
  std::string_view resource;
  core::ClientIdView client_id;
  core::ResourceIdView resource_id;  // msi_res_id, else mi_res_id, else resource_id
  core::ObjectIdView object_id;
  bool bypass_cache = false;  // bypass_cache=true
  // claims, xms_cc, token_sha256_to_refresh, and bypass_cache itself: passed on to IMDS, decoded.
  std::vector<std::pair<std::string, std::string>> extra;

  // A request that a token which we already hold must not answer: a claims challenge or bypass_cache.
  bool wants_new_token() const { return bypass_cache || has_challenge; }
  bool has_challenge = false;
};

// `raw` is what follows '?'. Pairs are separated by '&' alone, '+' is a space, a pair with ';' or a bad escape is
// dropped. Views point into `raw` or into `scratch`, whose content is replaced; neither may change while they are used.
TokenQuery parse_token_query(std::string_view raw, std::string& scratch);

}  // namespace podid::nmi
