// SPDX-License-Identifier: Apache-2.0
// One token request on its way: what was asked, by whom, and what has been found out so far.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "core/decide.hpp"
#include "nmi/pods/snapshot.hpp"
#include "nmi/request/answers.hpp"
#include "nmi/request/query.hpp"

namespace podid::nmi {

struct TokenCall {
  // What was asked. The views belong to the request, or to the scratch text of its handler.
  bool host = false;           // /host/token
  std::string_view operation;  // the metric's operation_type
  std::string_view method;
  TokenQuery query;
  boost::asio::ip::address peer;
  std::string_view pod_ns, pod_name;  // host: from the request's headers
  base::SteadyTime start{};

  // What is known.
  SnapshotPtr snapshot;           // of the last look; keeps everything below alive
  PodEntryPtr entry;              // null until the pod is known
  base::SteadyTime changed_at{};  // when the entry was last seen to change
  core::Decision decision;        // granted: empty for an excepted pod
};

// May this call have a token?
struct Verdict {
  enum class Kind { granted, wait, refused };
  Kind kind = Kind::refused;
  CredentialPtr credential;  // granted
  base::SteadyTime until{};  // wait: for a change, at most until then
  bool look = false;         // wait: what is bound to the pod is not known, or not any more
  Answer answer;             // refused
  std::string_view reason;   // refused: metric label
  bool record = false;       // refused by decide(): worth an event
  std::string missing;       // record: what is missing, as a sentence
  // Refused because the AzureIdentity contradicts itself: worth another kind of event. In call.snapshot's keeping.
  const core::AzureAssignedIdentity* contradicted = nullptr;
  std::string mismatch;
};

}  // namespace podid::nmi
