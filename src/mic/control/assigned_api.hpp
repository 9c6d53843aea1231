// SPDX-License-Identifier: Apache-2.0
// What the controller needs of the API server: the writes of AzureAssignedIdentities.
#pragma once
#include <memory>
#include <optional>

#include "base/async.hpp"
#include "base/error.hpp"
#include "core/model/resources.hpp"
#include "kube/client.hpp"

namespace podid::mic {

// Each write is guarded: it changes the object that `stored` is a version of, or fails (`conflict` when the name belongs
// to another object by now, `not_found` when there is none).
class AssignedApi {
 public:
  using Assigned = core::AzureAssignedIdentity;
  virtual ~AssignedApi() = default;

  virtual base::Task<base::Result<Assigned>> create(Assigned wanted) = 0;
  // Only the very version `stored`.
  virtual base::Task<base::Result<Assigned>> replace(Assigned stored, Assigned wanted) = 0;
  // Writes what differs between the two of: status, our annotations (API-9: a merge patch).
  virtual base::Task<base::Result<Assigned>> update_status(Assigned stored, Assigned wanted) = 0;
  // First half of a removal: takes our finalizer off and, with a status, writes that too. Nothing when the object is
  // gone with it (it was being deleted already).
  virtual base::Task<base::Result<std::optional<Assigned>>> take_finalizer(Assigned stored, std::string status) = 0;
  // Second half. Nothing when the object is gone (also when it was before); else the object, which other finalizers keep.
  virtual base::Task<base::Result<std::optional<Assigned>>> remove(Assigned stored) = 0;
};

// On the API server. The client outlives it.
class KubeAssignedApi final : public AssignedApi {
 public:
  explicit KubeAssignedApi(kube::Client& client) : client_(client) {}

  base::Task<base::Result<Assigned>> create(Assigned wanted) override;
  base::Task<base::Result<Assigned>> replace(Assigned stored, Assigned wanted) override;
  base::Task<base::Result<Assigned>> update_status(Assigned stored, Assigned wanted) override;
  base::Task<base::Result<std::optional<Assigned>>> take_finalizer(Assigned stored, std::string status) override;
  base::Task<base::Result<std::optional<Assigned>>> remove(Assigned stored) override;

 private:
  base::Task<base::Result<Assigned>> patch(Assigned stored, kube::json::object body);

  kube::Client& client_;
};

// The merge patches, for tests and readers (api.md §4.2, API-9, MIC-6). uid guards against an object of the same name.
kube::json::object status_patch(const core::AzureAssignedIdentity& stored, const core::AzureAssignedIdentity& wanted);
kube::json::object finalizer_patch(const core::AzureAssignedIdentity& stored, const std::string& status);

}  // namespace podid::mic
