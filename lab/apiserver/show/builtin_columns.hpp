// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/json.hpp>
#include <vector>

#include "lab/apiserver/show/table.hpp"

namespace podid::lab::apiserver {

// Columns and cells of the built-in kinds, as the real server's printers make them.
std::vector<TableColumn> builtin_columns(const Resource& resource);
boost::json::array builtin_cells(const Resource& resource, const boost::json::value& object, base::WallTime now);

}  // namespace podid::lab::apiserver
