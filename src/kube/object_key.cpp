// SPDX-License-Identifier: Apache-2.0
#include "kube/object_key.hpp"

#include "base/json.hpp"

namespace podid::kube {

ObjectKey key_of(const json::value& object) {
  return {std::string(base::text_at(object, {"metadata", "namespace"})),
          std::string(base::text_at(object, {"metadata", "name"}))};
}

}  // namespace podid::kube
