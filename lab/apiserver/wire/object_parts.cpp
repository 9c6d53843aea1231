// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/object_parts.hpp"

#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {

json::object& metadata_of(json::value& object) { return object.get_object()["metadata"].get_object(); }

bool is_ending(const json::value& object) { return !text_at(object, {"metadata", "deletionTimestamp"}).empty(); }

bool has_finalizers(const json::value& object) {
  const json::value* finalizers = find_path(object, {"metadata", "finalizers"});
  return finalizers != nullptr && finalizers->is_array() && !finalizers->get_array().empty();
}

void add_generation(json::object& metadata) {
  const json::value* generation = metadata.if_contains("generation");
  if (generation != nullptr) metadata["generation"] = as_integer(*generation).value_or(0) + 1;
}

}  // namespace podid::lab::apiserver
