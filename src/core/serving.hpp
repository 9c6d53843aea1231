// SPDX-License-Identifier: Apache-2.0
// Who is served at all, before decide() is asked: the NMI and `podid explain` call it, and both confirm assignments here.
// Pure and thread-safe.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/decide.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

struct IdentityRequest;

// What becomes of the requests that come from a pod's own address. Of several that apply the first counts.
enum class Serving : std::uint8_t {
  // Refused:
  unscheduled,        // no NMI has it on its node
  finished,           // its address is another's or nobody's
  node_lost,          // phase Unknown: nobody can say whether it still runs
  grace_period_over,  // its address may be another pod's by now
  host_network,       // its address is everybody's on the node, and its requests do not pass the NMI
  // Passed through, to the node's identities:
  excepted,             // by an AzurePodIdentityException (nmi.md §5.2)
  excepted_controller,  // by one for the controller, whose label any pod may carry (SEC-2)
  controller,           // a pod of the MIC (nmi.md §5.3, NMI-2)
  // Served: decide() says as which identity.
  served,
};
std::string_view to_string(Serving serving);  // "grace_period_over"

enum class ServingVerdict : std::uint8_t { refused, passed_through, served };
constexpr ServingVerdict verdict_of(Serving serving) {
  if (serving < Serving::excepted) return ServingVerdict::refused;
  return serving < Serving::served ? ServingVerdict::passed_through : ServingVerdict::served;
}

// Borrowed for the call.
struct ServingInput {
  const Pod& pod;
  // The pod's deletionTimestamp, where the API server writes the end of the grace period; nothing where it has none, or one
  // that is no time.
  std::optional<std::chrono::system_clock::time_point> deletion;
  std::span<const AzurePodIdentityException* const> exceptions;  // those of the pod's namespace at least
  std::string_view mic_namespace;  // the controller's; empty: no pod is taken for the controller
  std::span<const std::string> mic_service_accounts =
      {};  // under which it runs there; empty: stock_controller_accounts()
};

// All that objects say about it, so that a request only has to compare times.
class ServingTerms {
 public:
  ServingTerms() = default;  // served for ever
  explicit ServingTerms(const ServingInput& input);

  Serving at(std::chrono::system_clock::time_point now) const;
  // Until then a living pod is served: for ever while nobody deletes it.
  std::chrono::system_clock::time_point until() const { return until_; }
  // Not refused whatever the time: packets from the pod's addresses are the pod's.
  bool owns_its_addresses() const;

  // What each part says; `served`: nothing against it. at() is the first of them.
  Serving node() const { return node_; }
  Serving phase(std::chrono::system_clock::time_point now) const;
  Serving network() const { return network_; }
  Serving passing() const { return passing_; }

 private:
  Serving node_ = Serving::served;
  Serving phase_ = Serving::served;
  Serving network_ = Serving::served;
  Serving passing_ = Serving::served;
  std::chrono::system_clock::time_point until_ = std::chrono::system_clock::time_point::max();
};

// What pods that are let through as the controller may have (SEC-2): any identity of the node (""), the system-assigned one
// ("system"), or the one with that client ID.
inline constexpr std::string_view kSystemIdentity = "system";
bool is_let_through_as_controller(Serving serving);
// Whether such a pod may ask for that identity, and what is wrong otherwise. Asking for none is asking for the one it may have.
std::optional<std::string> controller_may_not_have(std::string_view controller_identity, const IdentityRequest& asked);

// Whether the identity that an assignment grants is what its AzureIdentity says (NMI-27). `declared`: the AzureIdentity that
// the assignment names, null where there is none. `confirmed_before`: the pod's assignments that were confirmed when last
// looked at. An identity that changes goes on as it was where the assignment was confirmed before: the controller makes it
// anew once the machine has the new identity, and until then nothing is interrupted.
bool is_confirmed(const AzureAssignedIdentity& assigned, const AzureIdentity* declared,
                  std::span<const AzureAssignedIdentity* const> confirmed_before);

// Whether a binding gives the pod the identity that the assignment grants (SEC-11). `live`: the AzureIdentityBinding that
// the assignment names, null where there is none. It counts as it is now: who deletes it, or points it elsewhere, takes the
// identity away whether the controller runs or not. What its copy says does not count.
bool is_backed(const AzureAssignedIdentity& assigned, const AzureIdentityBinding* live, const Pod& pod);

// Borrowed for the call. Of an assignment: what the objects that it names say about it.
struct BackingInput {
  const AzureIdentity* declared = nullptr;
  const AzureIdentityBinding* live = nullptr;
  const Pod& pod;
  std::span<const AzureAssignedIdentity* const> confirmed_before;
};
// Nothing: the assignment is backed by both. decide() is told of the others (DecisionInput::doubts).
std::optional<Doubt> doubt_of(const AzureAssignedIdentity& assigned, const BackingInput& input);

}  // namespace podid::core
