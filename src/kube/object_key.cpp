// SPDX-License-Identifier: Apache-2.0
#include "kube/object_key.hpp"

namespace podid::kube {

ObjectKey key_of(const json::value& object) {
  return {std::string(string_at(object, {"metadata", "namespace"})),
          std::string(string_at(object, {"metadata", "name"}))};
}

}  // namespace podid::kube
