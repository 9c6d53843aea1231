// SPDX-License-Identifier: Apache-2.0
#include "kube/wanted_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/json.hpp"
#include "base/log.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

constexpr std::uint32_t kPage = 100;

std::string version_of(const json::value& object) {
  return std::string(base::text_at(object, {"metadata", "resourceVersion"}));
}

bool is_namespace(const ObjectKey& want) { return want.name.empty(); }

ReflectorOptions changes_of(const WantedObjectsOptions& options) {
  ReflectorOptions changes{.type = options.type};
  changes.changes_only = true;
  changes.request_timeout = options.request_timeout;
  changes.backoff = options.backoff;
  return changes;
}

}  // namespace

WantedObjects::WantedObjects(Client& client, WantedObjectsOptions options, WantedSink& sink)
    : client_(client),
      options_(std::move(options)),
      sink_(sink),
      reflector_(client, changes_of(options_), *this),
      tasks_(client.executor()) {}

Task<> WantedObjects::stop() {
  co_await reflector_.stop();
  tasks_.stop();
  co_await tasks_.join();
}

bool WantedObjects::want(const ObjectKey& key) {
  Want& want = wants_[key];
  if (++want.count > 1) return false;
  want.id = next_id_++;
  ++unknown_;
  ++unread_;
  if (reflector_.synced()) queue(key);
  return true;
}

bool WantedObjects::unwant(const ObjectKey& key) {
  const auto want = wants_.find(key);
  if (want == wants_.end() || --want->second.count > 0) return false;
  if (!want->second.known) --unknown_;
  if (want->second.read_in != beginning_) --unread_;
  if (unread_ == 0) behind_since_.reset();
  wants_.erase(want);
  const auto [first, last] = states_of(key);
  for (auto state = first; state != last; ++state) {
    if (state->second.present) sink_.object_gone(state->first);
  }
  states_.erase(first, last);
  return true;
}

base::SteadyTime WantedObjects::last_contact() const {
  return behind_since_ ? std::min(*behind_since_, reflector_.last_contact()) : reflector_.last_contact();
}

// ---- the watch ----

void WantedObjects::list_begin() { contact_before_ = reflector_.last_contact(); }

void WantedObjects::list_item(json::value) {}

void WantedObjects::list_end() {
  ++beginning_;
  unread_ = wants_.size();
  // Versions of before say nothing any more: the server may have gone back.
  std::erase_if(states_, [](const auto& state) { return !state.second.present; });
  for (auto& [key, state] : states_) state.version.clear();
  if (!states_.empty() && !behind_since_) behind_since_ = contact_before_;
  queue_.clear();
  for (const auto& [key, want] : wants_) queue(key);
  sink_.begun();
}

void WantedObjects::watch_event(WatchEvent event) {
  const ObjectKey key = key_of(event.object);
  const auto want = want_of(key);
  if (want == wants_.end()) return;
  if (event.type == WatchEvent::Type::deleted) {
    deleted(key, want->second.read_in != beginning_, version_of(event.object));
  } else {
    take(std::move(event.object));
  }
}

WantedObjects::Wants::iterator WantedObjects::want_of(const ObjectKey& key) {
  const auto one = wants_.find(key);
  return one != wants_.end() ? one : wants_.find(ObjectKey{key.ns, {}});
}

std::pair<WantedObjects::States::iterator, WantedObjects::States::iterator> WantedObjects::states_of(
    const ObjectKey& want) {
  if (!is_namespace(want)) return states_.equal_range(want);
  const auto first = states_.lower_bound(want);
  auto last = first;
  while (last != states_.end() && last->first.ns == want.ns) ++last;
  return {first, last};
}

// Events come in order, but an answer may be ahead of them.
void WantedObjects::take(json::value object) {
  const ObjectKey key = key_of(object);
  std::string version = version_of(object);
  State& state = states_[key];
  if (!state.version.empty() && (state.version == version || is_later_version(state.version, version))) return;
  state.present = true;
  state.version = std::move(version);
  sink_.object_is(key, std::move(object));
}

void WantedObjects::deleted(const ObjectKey& key, bool being_read, std::string version) {
  const auto known = states_.find(key);
  if (known != states_.end() && is_later_version(known->second.version, version)) return;  // it was made anew since
  const bool was_present = known != states_.end() && known->second.present;
  if (being_read) {
    states_[key] = {.present = false, .version = std::move(version)};
  } else if (known != states_.end()) {
    states_.erase(known);
  }
  if (was_present) sink_.object_gone(key);
}

// ---- reading ----

void WantedObjects::queue(const ObjectKey& want) {
  if (tasks_.stopping()) return;
  queue_.push_back(want);
  if (reading_ >= options_.readers) return;
  ++reading_;
  tasks_.spawn(fmt::format("reader of {}", options_.type.plural), read_queued());
}

Task<> WantedObjects::read_queued() {
  base::Backoff backoff(options_.backoff, client_.random());
  while (!queue_.empty()) {
    const ObjectKey want = std::move(queue_.front());
    queue_.pop_front();
    const Result<> done = co_await read(want);
    if (done) {
      read_error_.reset();
      backoff.reset();
      continue;
    }
    read_error_ = done.error();
    base::log::warning("object cannot be fetched",
                       {{"resource", options_.type.plural}, {"object", want.to_string()}, {"error", done.error()}});
    const std::chrono::milliseconds asked = done.error().retry_after.value_or(std::chrono::seconds(0));
    co_await client_.clock().sleep_for(std::max(backoff.next(), asked));
    queue_.push_back(want);
  }
  --reading_;
}

// Success also where the answer says nothing any more: then the want was queued again, or is none.
Task<Result<>> WantedObjects::read(ObjectKey want) {
  const auto found = wants_.find(want);
  if (found == wants_.end() || found->second.read_in == beginning_) co_return Result<>();
  const std::uint64_t id = found->second.id;
  const std::uint64_t beginning = beginning_;
  Result<> result;
  if (is_namespace(want)) {
    result = co_await read_namespace(want, id, beginning);
  } else {
    result = co_await read_object(want, id, beginning);
  }
  if (!result) co_return result;
  ++reads_;
  if (current(want, id, beginning)) done(want);
  co_return result;
}

Task<Result<>> WantedObjects::read_object(ObjectKey want, std::uint64_t id, std::uint64_t beginning) {
  const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
  Result<json::value> answer = co_await client_.get(options_.type, want, deadline);
  if (!current(want, id, beginning)) co_return Result<>();
  if (answer) {
    take(std::move(*answer));
    co_return Result<>();
  }
  if (answer.error().kind != ErrorKind::not_found) co_return std::unexpected(std::move(answer.error()));
  // Where an event has told of it since, it was made after the answer, or its deletion is still to be heard.
  const auto known = states_.find(want);
  if (known != states_.end() && known->second.version.empty()) deleted(want, false, {});
  co_return Result<>();
}

Task<Result<>> WantedObjects::read_namespace(ObjectKey want, std::uint64_t id, std::uint64_t beginning) {
  ListOptions page;
  page.ns = want.ns;
  page.limit = kPage;
  std::string version;  // of all pages
  std::set<ObjectKey> listed;
  do {
    const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
    Result<json::value> answer = co_await list_page(client_, options_.type, page, deadline);
    if (!current(want, id, beginning)) co_return Result<>();
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    if (version.empty()) version = version_of(*answer);
    page.continue_token = base::text_at(*answer, {"metadata", "continue"});
    json::object* list = answer->if_object();
    json::value* items = list == nullptr ? nullptr : list->if_contains("items");
    if (items == nullptr || !items->is_array()) continue;
    for (json::value& item : items->get_array()) {
      listed.insert(key_of(item));
      take(std::move(item));
    }
  } while (!page.continue_token.empty());
  std::vector<ObjectKey> missing;
  const auto [first, last] = states_of(want);
  for (auto state = first; state != last; ++state) {
    const bool newer = is_later_version(state->second.version, version);
    if (state->second.present && !newer && !listed.contains(state->first)) missing.push_back(state->first);
  }
  for (const ObjectKey& key : missing) deleted(key, false, {});
  co_return Result<>();
}

bool WantedObjects::current(const ObjectKey& want, std::uint64_t id, std::uint64_t beginning) const {
  const auto found = wants_.find(want);
  return found != wants_.end() && found->second.id == id && beginning_ == beginning;
}

void WantedObjects::done(const ObjectKey& key) {
  Want& want = wants_.at(key);
  if (want.read_in == beginning_) return;
  want.read_in = beginning_;
  if (--unread_ == 0) behind_since_.reset();
  const auto [first, last] = states_of(key);
  for (auto state = first; state != last;) state = state->second.present ? std::next(state) : states_.erase(state);
  if (want.known) return;
  want.known = true;
  --unknown_;
  sink_.known(key);
}

}  // namespace podid::kube
