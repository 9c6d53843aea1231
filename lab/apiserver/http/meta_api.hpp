// SPDX-License-Identifier: Apache-2.0
// The paths that are about the server and not about objects: health, version, discovery, OpenAPI. Pure.
#pragma once
#include <optional>

#include "lab/apiserver/http/reply.hpp"
#include "lab/apiserver/schema/registry.hpp"

namespace podid::lab::apiserver {

// Whether anyone may ask, without a token: health and version.
bool is_public_path(const RequestUrl& url);

// Nothing where the path is none of these.
std::optional<Reply> answer_meta(const Registry& registry, const Call& call);

}  // namespace podid::lab::apiserver
