// SPDX-License-Identifier: Apache-2.0
#include "kube/leader_lock.hpp"

#include <utility>

#include "base/json.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

ResourceType type_of(LockObject object) { return object == LockObject::lease ? kLeases : kEndpoints; }

// The member as an object, made where it is absent or null.
json::object& object_member(json::object& parent, std::string_view name) {
  json::value& member = parent[name];
  if (!member.is_object()) member = json::object();
  return member.get_object();
}

}  // namespace

LeaderLock::LeaderLock(Client& client, LockObject object, ObjectKey key)
    : client_(&client), object_(object), key_(std::move(key)) {}

Task<Result<std::optional<LeaderRecord>>> LeaderLock::read(net::Deadline deadline) {
  Result<json::value> answer = co_await client_->get(type_of(object_), key_, deadline);
  if (!answer && answer.error().kind == ErrorKind::not_found) {
    stored_.reset();
    co_return std::optional<LeaderRecord>();
  }
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  if (!answer->is_object()) co_return base::fail(ErrorKind::invalid, "the lock is not an object");
  stored_ = std::move(*answer);
  co_return record_of(*stored_);
}

Task<Result<>> LeaderLock::write(LeaderRecord record, net::Deadline deadline) {
  json::value object = stored_ ? *stored_ : json::value(json::object());
  put(object.get_object(), record);
  Result<json::value> answer = base::fail(ErrorKind::internal, "");
  if (stored_) {
    answer = co_await client_->replace(type_of(object_), std::move(object), "", deadline);
  } else {
    answer = co_await client_->create(type_of(object_), std::move(object), deadline);
  }
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  if (!answer->is_object()) co_return base::fail(ErrorKind::invalid, "the lock is not an object");
  stored_ = std::move(*answer);
  co_return Result<>();
}

ObjectRef LeaderLock::reference() const {
  return type_of(object_).reference(
      key_, stored_ ? std::string(base::text_at(*stored_, {"metadata", "uid"})) : std::string());
}

Result<std::optional<LeaderRecord>> LeaderLock::record_of(const json::value& object) const {
  if (object_ == LockObject::endpoints) {
    const std::string_view text = base::text_at(object, {"metadata", "annotations", kLeaderAnnotation});
    if (text.empty()) return std::nullopt;
    return read_leader_annotation(text);
  }
  return read_lease_spec(object);
}

void LeaderLock::put(json::object& object, const LeaderRecord& record) const {
  json::object& metadata = object_member(object, "metadata");
  metadata["namespace"] = key_.ns;
  metadata["name"] = key_.name;
  if (object_ == LockObject::endpoints) {
    object_member(metadata, "annotations")[kLeaderAnnotation] = leader_annotation(record);
    return;
  }
  json::object& spec = object_member(object, "spec");
  spec.erase("holderIdentity");  // absent in the record of a released lock
  for (auto& [name, value] : lease_spec(record)) spec[name] = std::move(value);
}

}  // namespace podid::kube
