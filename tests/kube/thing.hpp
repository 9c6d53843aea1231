// SPDX-License-Identifier: Apache-2.0
// A decoded type for informer tests: any object with the text spec.value.
#pragma once
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "kube/object_key.hpp"

namespace podid::test {

struct Thing {
  kube::ObjectKey key;
  std::string uid;
  std::int64_t version = 0;
  std::string value;
};

inline base::Result<Thing> read_thing(const boost::json::value& object) {
  const boost::json::value* value = base::find_path(object, {"spec", "value"});
  if (value == nullptr || !value->is_string()) {
    return base::fail(base::ErrorKind::invalid, "spec.value must be a string");
  }
  Thing thing;
  thing.key = kube::key_of(object);
  thing.uid = base::text_at(object, {"metadata", "uid"});
  thing.version = base::parse_number<std::int64_t>(base::text_at(object, {"metadata", "resourceVersion"})).value_or(0);
  thing.value = base::text_at(object, {"spec", "value"});
  return thing;
}

}  // namespace podid::test
