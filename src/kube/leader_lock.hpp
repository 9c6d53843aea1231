// SPDX-License-Identifier: Apache-2.0
// The object that a leader election is about: a Lease, or an Endpoints object with an annotation.
#pragma once
#include <optional>
#include <string>

#include "base/error.hpp"
#include "kube/client.hpp"
#include "kube/leader_record.hpp"

namespace podid::kube {

enum class LockObject { lease, endpoints };

// One stored record with optimistic concurrency. Movable. Belongs to the client's thread.
class LeaderLock {
 public:
  LeaderLock(Client& client, LockObject object, ObjectKey key);

  // The record, read from the server and remembered for the next write; nothing when the object, or its annotation,
  // does not exist.
  base::Task<base::Result<std::optional<LeaderRecord>>> read(net::Deadline deadline);
  // Creates the object, or replaces what the last read() or write() saw; `conflict` or `already_exists` when somebody
  // else was faster.
  base::Task<base::Result<>> write(LeaderRecord record, net::Deadline deadline);
  // What events refer to.
  ObjectRef reference() const;

 private:
  base::Result<std::optional<LeaderRecord>> record_of(const json::value& object) const;
  void put(json::object& object, const LeaderRecord& record) const;

  Client* client_;
  LockObject object_;
  ObjectKey key_;
  std::optional<json::value> stored_;  // as the server had it last
};

}  // namespace podid::kube
