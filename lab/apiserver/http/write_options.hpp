// SPDX-License-Identifier: Apache-2.0
// Parameters and bodies of writing requests. Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "lab/apiserver/http/reply.hpp"
#include "lab/apiserver/objects/object_service.hpp"

namespace podid::lab::apiserver {

// dryRun and fieldValidation; `options_kind` names the options in the refusal ("CreateOptions").
Answer<WriteOptions> parse_write_options(const RequestUrl& url, std::string_view options_kind);
// The parameters and the optional body of a delete.
Answer<DeleteOptions> parse_delete_options(const Call& call);
// The body of a create or an update: JSON, YAML or (some kinds) protobuf; 415 for other content types, 400
// for what cannot be read.
Answer<boost::json::value> parse_object_body(const Call& call);
// The type of a patch by its content type (415), and its body.
Answer<PatchType> parse_patch_type(const Call& call);
Answer<boost::json::value> parse_patch_body(const Call& call, PatchType type);

}  // namespace podid::lab::apiserver
