// SPDX-License-Identifier: Apache-2.0
#include "core/resources.hpp"

#include "core/naming.hpp"

namespace podid::core {

bool AzureIdentity::namespaced() const {
  return value_or_empty(meta.annotations, kBehaviorAnnotation) == kNamespacedBehavior;
}

std::string_view AzureIdentity::object_id() const {
  return value_or_empty(meta.annotations, kObjectIdAnnotation);
}

}  // namespace podid::core
