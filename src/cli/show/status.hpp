// SPDX-License-Identifier: Apache-2.0
// `podid status`: pods, what each gets, and what stands in the way. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/show/cluster_objects.hpp"
#include "cli/show/explain.hpp"

namespace podid::cli {

struct StatusRow {
  core::ObjectKey pod;
  std::string node;
  std::string workload;
  std::string identity;  // namespace/name; of a pod that gets none: what its bindings name
  std::string binding;
  std::string state;        // Ready, Closed (by spec.access), Waiting, Refused, PassedThrough
  std::string reason;       // a code, as the NMI's metrics have it; empty when Ready
  std::string why;          // a sentence
  std::string access = {};  // of its binding's spec.access: "open until …"; empty: unlimited
  std::optional<base::WallTime> last_issued = {};
};

// The pods that want an identity (label aadpodidbinding) or have one assigned, in the order of namespace and name.
std::vector<StatusRow> status_rows(const ClusterObjects& objects,
                                   const std::map<std::string, base::WallTime>& issuances,
                                   const ExplainRequest& request, base::WallTime now);

struct StatusColumns {
  bool namespaces = false;
  bool wide = false;
};
std::string to_table(std::span<const StatusRow> rows, StatusColumns columns, base::WallTime now);
// `findings`: what is wrong with the cluster as a whole.
boost::json::object to_json(std::span<const StatusRow> rows, const std::vector<std::string>& findings);

}  // namespace podid::cli
