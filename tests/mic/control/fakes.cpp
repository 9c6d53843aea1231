// SPDX-License-Identifier: Apache-2.0
#include "mic/control/fakes.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "core/model/naming.hpp"

namespace podid::test {
namespace {

using Assigned = core::AzureAssignedIdentity;

base::Task<> a_turn() {
  const base::Executor executor = co_await base::asio::this_coro::executor;
  co_await base::asio::post(executor, base::use_task);
}

}  // namespace

base::Error make_error(base::ErrorKind kind, std::string message) {
  base::Error error;
  error.kind = kind;
  error.message = std::move(message);
  return error;
}

std::optional<base::Error> FakeAssignedApi::refuse(std::string_view verb, const Assigned& object) {
  return before_write ? before_write(verb, object.meta.name) : std::nullopt;
}

base::Result<FakeAssignedApi::Object> FakeAssignedApi::current(const Assigned& stored) const {
  const auto found = objects_.find(stored.meta.key().text());
  if (found == objects_.end()) return base::fail(base::ErrorKind::not_found, "not found");
  if (found->second->meta.uid != stored.meta.uid) return base::fail(base::ErrorKind::conflict, "another uid");
  return found->second;
}

Assigned FakeAssignedApi::store(Assigned object) {
  object.meta.resource_version = std::to_string(++version_);
  if (object.meta.deleting() && object.meta.finalizers.empty()) {
    drop(object.meta.key().text());
    return object;
  }
  Object stored = std::make_shared<const Assigned>(object);
  objects_[object.meta.key().text()] = stored;
  events_.push_back({.deleted = false, .object = std::move(stored)});
  return object;
}

void FakeAssignedApi::drop(const std::string& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  events_.push_back({.deleted = true, .object = found->second});
  objects_.erase(found);
}

void FakeAssignedApi::count(std::string_view verb, const Assigned& object) {
  ++writes;
  history.push_back(std::string(verb) + " " + object.meta.name + " " + object.status);
}

base::Task<base::Result<Assigned>> FakeAssignedApi::create(Assigned wanted) {
  co_await a_turn();
  if (auto error = refuse("create", wanted)) co_return std::unexpected(std::move(*error));
  if (objects_.contains(wanted.meta.key().text())) {
    co_return base::fail(base::ErrorKind::already_exists, wanted.meta.name + " already exists");
  }
  wanted.meta.uid = "uid-" + std::to_string(++uid_);
  count("create", wanted);
  co_return store(std::move(wanted));
}

base::Task<base::Result<Assigned>> FakeAssignedApi::replace(Assigned stored, Assigned wanted) {
  co_await a_turn();
  if (auto error = refuse("replace", stored)) co_return std::unexpected(std::move(*error));
  auto now = current(stored);
  if (!now) co_return std::unexpected(now.error());
  if ((*now)->meta.resource_version != stored.meta.resource_version) {
    co_return base::fail(base::ErrorKind::conflict, "another version");
  }
  wanted.meta.uid = stored.meta.uid;
  wanted.meta.name = stored.meta.name;
  count("replace", wanted);
  co_return store(std::move(wanted));
}

base::Task<base::Result<Assigned>> FakeAssignedApi::update_status(Assigned stored, Assigned wanted) {
  co_await a_turn();
  if (auto error = refuse("status", stored)) co_return std::unexpected(std::move(*error));
  auto now = current(stored);
  if (!now) co_return std::unexpected(now.error());
  Assigned changed = **now;
  changed.status = wanted.status;
  changed.meta.annotations = wanted.meta.annotations;
  count("status", changed);
  co_return store(std::move(changed));
}

base::Task<base::Result<std::optional<Assigned>>> FakeAssignedApi::take_finalizer(Assigned stored, std::string status) {
  co_await a_turn();
  if (auto error = refuse("finalizer", stored)) co_return std::unexpected(std::move(*error));
  auto now = current(stored);
  if (!now && now.error().kind == base::ErrorKind::not_found) co_return std::optional<Assigned>();
  if (!now) co_return std::unexpected(now.error());
  Assigned changed = **now;
  if (!status.empty()) changed.status = status;
  std::erase(changed.meta.finalizers, core::kAssignedIdentityFinalizer);
  count("finalizer", changed);
  const bool ends = changed.meta.deleting() && changed.meta.finalizers.empty();
  Assigned left = store(std::move(changed));
  if (ends) co_return std::optional<Assigned>();
  co_return std::optional<Assigned>(std::move(left));
}

base::Task<base::Result<std::optional<Assigned>>> FakeAssignedApi::remove(Assigned stored) {
  co_await a_turn();
  if (auto error = refuse("delete", stored)) co_return std::unexpected(std::move(*error));
  auto now = current(stored);
  if (!now && now.error().kind == base::ErrorKind::not_found) co_return std::optional<Assigned>();
  if (!now) co_return std::unexpected(now.error());
  count("delete", **now);
  Assigned changed = **now;
  changed.meta.deletion_timestamp = "2026-01-01T00:00:00Z";
  const bool ends = changed.meta.finalizers.empty();
  Assigned left = store(std::move(changed));
  if (ends) co_return std::optional<Assigned>();
  co_return std::optional<Assigned>(std::move(left));
}

void FakeAssignedApi::put_by_hand(Assigned object) {
  if (object.meta.uid.empty()) object.meta.uid = "uid-" + std::to_string(++uid_);
  store(std::move(object));
}

void FakeAssignedApi::delete_by_hand(const std::string& key) {
  Assigned changed = *objects_.at(key);
  changed.meta.deletion_timestamp = "2026-01-01T00:00:00Z";
  store(std::move(changed));
}

void FakeAssignedApi::edit_by_hand(const std::string& key, const std::function<void(Assigned&)>& edit) {
  Assigned changed = *objects_.at(key);
  edit(changed);
  store(std::move(changed));
}

std::vector<std::string> FakeAssignedApi::states() const {
  std::vector<std::string> states;
  for (const auto& [key, object] : objects_) states.push_back(object->meta.name + ": " + object->status);
  return states;
}

std::optional<FakeAssignedApi::WatchEvent> FakeAssignedApi::next_event() {
  if (events_.empty()) return std::nullopt;
  WatchEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

base::Task<base::Result<std::map<std::string, azure::IdentityState>>> FakeAzure::list(azure::AzureResource collection) {
  ++lists;
  co_await a_turn();
  if (list_failure) co_return std::unexpected(*list_failure);
  std::map<std::string, azure::IdentityState> all;
  for (const auto& [key, ids] : attached) {
    if (!key.starts_with(collection.key()) || unlisted.contains(key)) continue;
    for (const std::string& id : ids) all[key].user_assigned.emplace(id, details(id));
    all.try_emplace(key);
  }
  co_return all;
}

void FakeAzure::release() {
  held_ = false;
  for (const auto& timer : waiting_) timer->cancel();
  waiting_.clear();
}

azure::UserIdentity FakeAzure::details(const std::string& identity) const {
  const auto found = client_ids.find(identity);
  return {.client_id = found == client_ids.end() ? std::string() : found->second, .principal_id = {}};
}

base::Task<azure::UpdateResult> FakeAzure::update(azure::AzureResource resource, azure::IdentityChange change) {
  ++calls;
  co_await a_turn();
  if (held_) {
    const auto timer = std::make_shared<base::SteadyTimer>(executor_, base::SteadyTime::max());
    waiting_.push_back(timer);
    co_await timer->async_wait(base::as_result);  // ends by release()
  }
  azure::UpdateResult result;
  const std::string key = resource.key();
  if (failure || gone.contains(key)) {
    result.error = failure ? *failure : make_error(base::ErrorKind::not_found, "ResourceNotFound");
    co_return result;
  }
  std::set<std::string>& on_it = attached[key];
  const std::set<std::string> before = on_it;
  for (const std::string& identity : change.remove) {
    const std::string id = base::to_lower(identity);
    if (stuck.contains(id) && on_it.contains(id)) {
      result.refused.push_back({.id = id, .reason = make_error(base::ErrorKind::denied, "LinkedAuthorizationFailed")});
      result.error = result.refused.back().reason;
    } else {
      on_it.erase(id);
    }
  }
  for (const std::string& identity : change.add) {
    const std::string id = base::to_lower(identity);
    if (refused.contains(id)) {
      result.refused.push_back({.id = id, .reason = make_error(base::ErrorKind::invalid, "FailedIdentityOperation")});
      result.error = result.refused.back().reason;
    } else {
      on_it.insert(id);
    }
  }
  if (on_it != before) ++patches;
  result.client_ids_unread = client_ids_unread;
  result.after.emplace();
  for (const std::string& id : on_it) result.after->user_assigned.emplace(id, details(id));
  co_return result;
}

}  // namespace podid::test
