// SPDX-License-Identifier: Apache-2.0
// JSON patch (RFC 6902) and JSON merge patch (RFC 7386). Pure.
#pragma once
#include <boost/json.hpp>
#include <cstddef>

#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// The patched document; the document is changed as a whole or not at all. A patch that is no list of
// operations is 400, one with more than `max_operations` 413, one that does not apply (a failed test, an
// unknown operation, a path that is not there) 422.
Answer<boost::json::value> apply_json_patch(boost::json::value document, const boost::json::value& patch,
                                            std::size_t max_operations);

// Null removes a member, an object merges, anything else replaces.
boost::json::value apply_merge_patch(boost::json::value document, const boost::json::value& patch);

}  // namespace podid::lab::apiserver
