// SPDX-License-Identifier: Apache-2.0
// `podid who-can IDENTITY`: which pods may get tokens of an AzureIdentity, by the decision that the NMI makes. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/show/cluster_objects.hpp"
#include "cli/show/explain.hpp"
#include "core/model/object_meta.hpp"

namespace podid::cli {

// One pod that a binding of the identity selects.
struct Candidate {
  core::ObjectKey pod;
  std::string node;
  std::string workload;
  std::string service_account;
  bool may = false;     // now
  std::string binding;  // that gives it
  std::string reason;   // why not: a code
  std::string why;      // a sentence
  std::string access = {};
};

// As they are now; in the order of namespace and name. Pods that are passed through to their node are not among them: what they
// get is not by this identity.
std::vector<Candidate> who_can(const ClusterObjects& objects, const core::AzureIdentity& identity,
                               const ExplainRequest& request, base::WallTime now);

// Those who may now, and whether they still may (`may`, and by which `binding`) once that binding is deleted and the controller
// has had its time; reason "keeps" or "loses".
std::vector<Candidate> who_can_without(const ClusterObjects& objects, const core::AzureIdentity& identity,
                                       const core::ObjectKey& binding, const ExplainRequest& request,
                                       base::WallTime now);

// Whether a pod that does not exist yet could, in that namespace, with whatever label its author likes.
struct Witness {
  bool possible = false;
  std::string label;    // possible: the value of aadpodidbinding that does it
  std::string binding;  // by which binding
  std::string access = {};
  std::string why;  // a sentence
};
Witness could_ever(const ClusterObjects& objects, const core::AzureIdentity& identity, const std::string& ns,
                   const ExplainRequest& request, base::WallTime now);

struct WhoCanColumns {
  bool wide = false;
};
std::string to_table(std::span<const Candidate> candidates, WhoCanColumns columns);
boost::json::object to_json(const core::AzureIdentity& identity, std::span<const Candidate> candidates);

}  // namespace podid::cli
