// SPDX-License-Identifier: Apache-2.0
// All objects of a type, as values.
#pragma once
#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/common/cluster.hpp"
#include "core/model/invalid.hpp"

namespace podid::cli {

template <class T>
using Reader = core::Read<T> (*)(const boost::json::value&);

// Of one namespace (empty: all). What cannot be read goes to `unreadable`: "azureidentity shop/reader: spec.type: …". Errors:
// those of kube::Client.
template <class T>
base::Task<base::Result<>> read_all(Cluster& cluster, kube::ResourceType type, std::string ns, Reader<T> read,
                                    std::vector<T>& into, std::vector<std::string>& unreadable) {
  auto objects = co_await cluster.list(type, ns);
  if (!objects) co_return std::unexpected(objects.error());
  for (const boost::json::value& object : *objects) {
    auto value = read(object);
    if (value) {
      into.push_back(std::move(*value));
    } else {
      unreadable.push_back(fmt::format("{} {}: {}", base::to_lower(type.kind), kube::key_of(object).to_string(),
                                       value.error().message()));
    }
  }
  co_return base::Result<>{};
}

}  // namespace podid::cli
