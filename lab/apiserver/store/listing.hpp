// SPDX-License-Identifier: Apache-2.0
// Lists: selection, paging over a consistent snapshot, resourceVersion semantics.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/store/list_options.hpp"
#include "lab/apiserver/store/store.hpp"

namespace podid::lab::apiserver {

struct Page {
  std::vector<ObjectPtr> items;
  std::uint64_t revision = 0;
  std::string continue_token = {};
  std::optional<std::uint64_t> remaining = {};  // known only without selectors
};

// Whether a list or watch of namespace `ns` ("": all), with an optional single name, shows the object.
bool selects(const ListOptions& options, std::string_view ns, std::string_view name, const StoredObject& object);

// 410 for a resourceVersion or a continue token that history no longer reaches, 504 for one that does not
// exist yet.
Answer<Page> list_objects(const Store& store, const Resource& resource, std::string_view ns,
                          const ListOptions& options);

}  // namespace podid::lab::apiserver
