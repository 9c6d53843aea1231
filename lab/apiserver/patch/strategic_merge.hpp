// SPDX-License-Identifier: Apache-2.0
// Kubernetes' strategic merge patch: a merge patch that knows which lists of the built-in kinds are maps.
// Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// Applies `patch` to an object of the built-in `kind`. Understands $patch (replace, delete, merge),
// $retainKeys, $setElementOrder/... and $deleteFromPrimitiveList/..., as kubectl writes them. A list that the
// real server does not merge is replaced. 400 for a list item that lacks its merge key or an unknown
// directive.
Answer<boost::json::value> apply_strategic_merge(std::string_view kind, boost::json::value document,
                                                 const boost::json::value& patch);

// Server-side apply, without ownership: what `applied` sets is merged by the same list keys, nothing is
// removed. An empty `kind` treats every list as a whole, as for custom resources.
Answer<boost::json::value> apply_configuration(std::string_view kind, boost::json::value document,
                                               const boost::json::value& applied);

}  // namespace podid::lab::apiserver
