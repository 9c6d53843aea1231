// SPDX-License-Identifier: Apache-2.0
// `podid explain pod`: why a pod gets a token, or why not. Pure: objects in, findings out, as text or JSON.
#pragma once
#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/show/explain_objects.hpp"
#include "core/access/grants.hpp"
#include "core/access/zone.hpp"
#include "core/decide.hpp"

namespace podid::cli {

struct ExplainRequest {
  core::OperationMode mode = core::OperationMode::standard;
  bool namespaced = false;                                          // the NMI runs with --forceNamespaced
  core::IdentityPolicyMode policy = core::IdentityPolicyMode::off;  // the programs' --identity-policy
  std::string mic_namespace = "default";  // the NMI's --MICNamespace; empty: it runs with --mic-short-circuit=false
  std::vector<std::string> mic_service_accounts = {};  // the NMI's --mic-service-account; empty: its default
  std::string controller_identity = {};                // the NMI's --controller-identity
  core::ZoneLookup zones = [](std::string_view) { return nullptr; };  // by default none is known: windows do not open
  std::shared_ptr<const core::GrantBook> grants = {};                 // null: those of PodObjects::access
  core::ClientId client_id;  // what the application asks for; all empty: any identity
  core::ResourceId resource_id;
  core::ObjectId object_id;
};

struct ExplainedBinding {
  std::string binding;   // "shop/reader"
  std::string identity;  // the AzureIdentity that it names, in its own namespace
};

struct ExplainedAssignment {
  std::string assigned;
  std::string identity;
  std::string node;
  std::string state;  // "Assigned"; empty in objects of old releases
};

// A binding of the pod with spec.access, at that time.
struct ExplainedAccess {
  std::string binding;
  bool open = false;
  std::string state;  // "open until …"
  std::string text;   // a sentence without a full stop
};

struct Explanation {
  std::string pod;
  std::string node;  // empty: none yet
  std::string phase;
  std::vector<std::string> addresses;
  std::string mode;
  std::string asked;  // client IDs redacted

  std::vector<ExplainedBinding> bindings;        // those that select the pod
  std::vector<ExplainedAccess> access;           // of those that are limited
  std::vector<std::string> other_selectors;      // of bindings, when none selects the pod
  std::vector<ExplainedAssignment> assignments;  // standard mode
  std::vector<std::string> unreadable;
  core::CheckList checks;  // core/serving's, then decide()'s, each in the order in which they are made

  std::string serving;  // core::Serving: "served", "excepted", "host_network"
  bool granted = false;
  core::RefusalReason refusal = core::RefusalReason::none;  // of decide()
  std::string reason;      // "none" when granted, "pod_not_served", else core's: "no_matching_binding"
  std::string conclusion;  // one sentence without a full stop
  bool waiting_may_help = false;
  std::string identity;  // granted: what the token is for; empty for a pod that is passed through
  std::string binding;
  std::string assigned;
};

Explanation explain(const PodObjects& objects, const ExplainRequest& request, base::WallTime now);

// For a person: a head, one line a check with its remedy below, the conclusion.
std::string to_text(const Explanation& explanation);
boost::json::object to_json(const Explanation& explanation);

}  // namespace podid::cli
