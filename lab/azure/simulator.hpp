// SPDX-License-Identifier: Apache-2.0
// An imitation of the parts of Azure that Pod Identity talks to: the Instance Metadata Service (IMDS), Entra
// ID's token endpoints, Azure Resource Manager (ARM) for machines and identities, and a resource in the
// manner of Key Vault that verifies tokens. Written against the wire descriptions, not against src/azure, so
// that each checks the other.
//
// What it does not imitate:
//  - IMDS: rate limits (inject a 429), load balancer and attested document (404), scheduled events other than none, user
//    data, IMDSv2 and certificate-bound tokens (404).
//  - Entra ID: users and delegated flows, consent, conditional access, claims challenges, federated credentials,
//    refusal of a replayed assertion, sovereign clouds, regional endpoints, cookies; opaque claims (aio, rh, uti) are
//    random.
//  - ARM: creation and deletion of anything, instance views, ETags, per-instance upgrade of scale sets (every instance
//    takes the set's identities at once), throttling buckets (inject a 429; the remaining counts only count down),
//    preemption of a running operation (a second update is refused with 409), roles with "not actions".
//    An update that removes the last identity under type UserAssigned succeeds; what Azure does there is unknown.
//  - Vault: everything but reading a secret's current version; access is a list of object IDs.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "lab/azure/http/faults.hpp"
#include "lab/azure/http/statistics.hpp"
#include "lab/azure/world/world.hpp"
#include "net/tls.hpp"

namespace podid::lab::azure {

enum class Role {
  imds,     // plain HTTP
  azure,    // TLS: entra, arm or vault, by the Host field
  entra,    // TLS
  arm,      // TLS
  vault,    // TLS
  control,  // plain HTTP: control_service.hpp
};
std::string_view to_string(Role role);

struct ListenerOptions {
  Role role = Role::imds;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: chosen by the kernel
  std::string node = {};   // imds only: every caller is this node; empty: the caller's address decides
};

struct SimulatorOptions {
  std::vector<ListenerOptions> listeners;
  net::TlsServerOptions tls;  // needed by the TLS roles; see LabCa and azure_host_names()
};

struct BoundListener {
  Role role;
  std::string node;
  boost::asio::ip::tcp::endpoint endpoint;
};

// Belongs to one executor: construction, all calls and destruction on its thread.
class AzureSimulator {
 public:
  // `clock` and `random` outlive it. Fails when no signing key can be made.
  static base::Result<std::unique_ptr<AzureSimulator>> create(base::Executor executor, World world, base::Clock& clock,
                                                              base::Random& random);
  ~AzureSimulator();

  // Starts to listen; may be called again for more. Errors name the listener; earlier ones then keep
  // listening.
  base::Result<std::vector<BoundListener>> listen(const SimulatorOptions& options);
  const std::vector<BoundListener>& listeners() const;
  // The first bound endpoint of that role, e.g. "127.0.0.1:40123"; empty when there is none.
  std::string address_of(Role role, std::string_view node = {}) const;
  // Ends listening and drops connections. Await it before destruction.
  base::Task<> stop();

  // The world as it is, machines' identities included; changes take effect with the next request. While an update of a
  // machine runs, IMDS follows the update, not what is written here; replace_world() overrides that.
  World& world();
  void replace_world(World world);
  FaultList& faults();
  Statistics& statistics();
  // A new signing key for tokens from now on; earlier keys stay in the key set so that their tokens verify.
  base::Result<> rotate_keys();
  // The next `count` ARM updates are accepted and then end as Failed with this code.
  void fail_operations(std::int64_t count, std::string code, std::string message);

 private:
  class Impl;
  explicit AzureSimulator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace podid::lab::azure
