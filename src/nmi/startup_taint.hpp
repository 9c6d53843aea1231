// SPDX-License-Identifier: Apache-2.0
// The startup gate: a node that registers with our taint takes pods only once the NMI is ready for them.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kube/client.hpp"

namespace podid::nmi {

// Removes the taints of the node whose keys start with `prefix`. Answers how many there were. Concurrent changes of the
// node are retried; `denied` says which permission is missing.
base::Task<base::Result<std::size_t>> remove_startup_taints(kube::Client& client, std::string node, std::string prefix,
                                                            base::SteadyTime deadline);

// The merge patch that leaves the other taints, guarded by the node's version; nothing when none matches.
std::optional<boost::json::value> taint_patch(const boost::json::value& node, std::string_view prefix,
                                              std::size_t& removed);

}  // namespace podid::nmi
