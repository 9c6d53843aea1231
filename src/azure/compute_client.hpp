// SPDX-License-Identifier: Apache-2.0
// Which user-assigned identities a VM or scale set has, and changing that (mic.md §7.2 to §7.4).
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azure/arm_client.hpp"
#include "azure/azure_resource.hpp"

namespace podid::azure {

enum class Ended { well, badly };

struct ComputeOptions {
  int max_retries = 2;  // update-user-msi-max-retry: further tries without the identities that Azure refused
  base::Duration retry_interval = std::chrono::seconds(1);  // update-user-msi-retry-interval
  // Requests that one update may spend on finding out which of several identities a refusal is about that does not
  // say so in a way we know.
  int max_bisection_steps = 16;
  // Ask once more after identities were added, for their client IDs: an answer to a PATCH shows the resource before it.
  bool learn_client_ids = false;
  // Attached identities that no change takes off, by what Azure says of them. May be empty.
  std::function<bool(std::string_view id, const UserIdentity& identity)> stays = {};
  std::size_t max_list_bytes = 128 << 20;  // of all pages of one list
  // Called at the end of each operation with its metric name (vm_get, vm_update, vm_list, vmss_...), its
  // whole duration, and whether it succeeded. May be empty.
  std::function<void(std::string_view operation, base::Duration took, Ended ended)> on_operation;
};

struct RefusedIdentity {
  std::string id;  // lower case
  base::Error reason;
};

// Also after an error, what is attached is known wherever Azure could be asked.
struct UpdateResult {
  std::optional<IdentityState> after;    // empty: could not be found out
  std::vector<RefusedIdentity> refused;  // of the change: Azure names them, or refuses a PATCH of them alone
  // Lower case. Azure refuses a PATCH of them together, says not because of which, and no further one was to follow.
  std::vector<std::string> undecided;
  std::optional<base::Error> error;  // the first one, even where a later try attached the rest
  bool client_ids_unread = false;    // of what was added: it could not be asked for (learn_client_ids)

  bool ok() const { return !error.has_value(); }
};

// One executor; any number of calls at once, but at most one update per resource. References outlive it.
class ComputeClient {
 public:
  ComputeClient(ComputeOptions options, ArmClient& arm, base::Clock& clock);

  base::Task<base::Result<IdentityState>> get(AzureResource resource, base::SteadyTime deadline);
  // All resources of `collection`'s kind in its subscription and group, by AzureResource::key().
  base::Task<base::Result<std::map<std::string, IdentityState>>> list(AzureResource collection,
                                                                      base::SteadyTime deadline);
  // Reads, changes in as many PATCHes as needed, waits for each, and goes on without identities that Azure
  // refuses or whose IDs are malformed. No call at all for an empty change. Never touches identities that `change` does
  // not name.
  base::Task<UpdateResult> update(AzureResource resource, IdentityChange change, base::SteadyTime deadline);

 private:
  class Update;
  base::Task<base::Result<IdentityState>> read(AzureResource resource, base::SteadyTime deadline);
  base::Task<base::Result<std::map<std::string, IdentityState>>> read_pages(AzureResource collection,
                                                                            base::SteadyTime deadline);
  void report(const AzureResource& resource, std::string_view verb, base::SteadyTime started, bool ok) const;

  ComputeOptions options_;
  ArmClient& arm_;
  base::Clock& clock_;
};

}  // namespace podid::azure
