// SPDX-License-Identifier: Apache-2.0
#include "kube/wanted_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "base/json.hpp"
#include "base/log.hpp"
#include "kube/json.hpp"

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
  ++unknown_;
  ++unread_;
  if (reflector_.synced()) queue(key);
  return true;
}

bool WantedObjects::unwant(const ObjectKey& key) {
  const auto want = wants_.find(key);
  if (want == wants_.end() || --want->second.count > 0) return false;
  change(want->second, [](Want& last) { last.known = last.read = true; });  // counts no more
  recovered(want->second);
  wants_.erase(want);
  const auto [first, last] = states_of(key);
  for (auto state = first; state != last; ++state) {
    if (state->second.present) sink_.object_gone(state->first);
  }
  states_.erase(first, last);
  return true;
}

template <class Change>
void WantedObjects::change(Want& want, Change apply) {
  unknown_ -= want.unknown() ? 1 : 0;
  unread_ -= want.unread() ? 1 : 0;
  apply(want);
  unknown_ += want.unknown() ? 1 : 0;
  unread_ += want.unread() ? 1 : 0;
  if (unread_ == 0) behind_since_.reset();
}

base::SteadyTime WantedObjects::last_contact() const {
  return behind_since_ ? std::min(*behind_since_, reflector_.last_contact()) : reflector_.last_contact();
}

// ---- the watch ----

void WantedObjects::list_begin() { contact_before_ = reflector_.last_contact(); }

void WantedObjects::list_item(json::value) {}

void WantedObjects::list_end() {
  // Versions of before say nothing any more: the server may have gone back.
  std::erase_if(states_, [](const auto& state) { return !state.second.present; });
  for (auto& [key, state] : states_) state.version.clear();
  queue_.clear();
  for (auto& [key, want] : wants_) {
    change(want, [](Want& again) {
      again.read = false;
      again.attempt = 0;  // what is answered to an earlier one may be older than what was missed
      again.floor.clear();
    });
    queue(key);
  }
  if (!states_.empty() && unread_ > 0 && !behind_since_) behind_since_ = contact_before_;
  sink_.begun();
}

void WantedObjects::watch_event(WatchEvent event) {
  const ObjectKey key = key_of(event.object);
  const auto want = want_of(key);
  if (want == wants_.end() || is_behind(want->second, version_of(event.object))) return;
  if (event.type == WatchEvent::Type::deleted) {
    deleted(key, !want->second.read, version_of(event.object));
  } else {
    take(std::move(event.object));
  }
}

bool WantedObjects::is_behind(const Want& want, std::string_view version) {
  return !want.floor.empty() && (want.floor == version || is_later_version(want.floor, version));
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
  while (!queue_.empty()) {
    const ObjectKey want = std::move(queue_.front());
    queue_.pop_front();
    const auto found = wants_.find(want);
    if (found == wants_.end() || found->second.read || found->second.attempt != 0) continue;
    const std::uint64_t attempt = next_attempt_++;
    found->second.attempt = attempt;
    Result<> result;
    if (is_namespace(want)) {
      result = co_await read_namespace(want, attempt);
    } else {
      result = co_await read_object(want, attempt);
    }
    if (!current(want, attempt)) continue;
    if (result) {
      done(want);
    } else {
      failed(want, result.error());
    }
  }
  --reading_;
}

Task<> WantedObjects::queue_later(ObjectKey want, std::uint64_t attempt, base::Duration pause) {
  co_await client_.clock().sleep_for(pause);
  if (!current(want, attempt)) co_return;
  wants_.at(want).attempt = 0;
  queue(want);
}

Task<Result<>> WantedObjects::read_object(ObjectKey want, std::uint64_t attempt) {
  const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
  Result<json::value> answer = co_await client_.get(options_.type, want, deadline);
  if (!current(want, attempt)) co_return Result<>();
  if (answer) {
    take(std::move(*answer));
    co_return Result<>();
  }
  if (answer.error().kind != ErrorKind::not_found) co_return std::unexpected(std::move(answer.error()));
  Result<> absent = co_await read_absent(want, attempt);
  co_return absent;
}

// Of an object that is not there no version says when: a list of it alone has one. Events that come later and tell of before
// would else bring it back.
Task<Result<>> WantedObjects::read_absent(ObjectKey want, std::uint64_t attempt) {
  ListOptions only;
  only.ns = want.ns;
  only.field_selector = "metadata.name=" + want.name;
  const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
  Result<json::value> answer = co_await client_.list(options_.type, only, deadline);
  if (!current(want, attempt)) co_return Result<>();
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  std::string version = version_of(*answer);
  const Result<std::span<json::value>> items = items_of(*answer, options_.type.plural);
  if (!items) co_return std::unexpected(items.error());
  bool is_there = false;
  for (json::value& item : *items) {
    if (key_of(item) != want) continue;
    is_there = true;  // made meanwhile
    take(std::move(item));
  }
  const auto known = states_.find(want);
  if (!is_there && known != states_.end() && !is_later_version(known->second.version, version))
    deleted(want, false, {});
  wants_.at(want).floor = std::move(version);
  co_return Result<>();
}

Task<Result<>> WantedObjects::read_namespace(ObjectKey want, std::uint64_t attempt) {
  ListOptions page;
  page.ns = want.ns;
  page.limit = kPage;
  std::string version;  // of all pages
  std::set<ObjectKey> listed;
  do {
    const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
    Result<json::value> answer = co_await list_page(client_, options_.type, page, deadline);
    if (!current(want, attempt)) co_return Result<>();
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    if (version.empty()) version = version_of(*answer);
    page.continue_token = base::text_at(*answer, {"metadata", "continue"});
    const Result<std::span<json::value>> items = items_of(*answer, options_.type.plural);
    if (!items) co_return std::unexpected(items.error());
    for (json::value& item : *items) {
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
  wants_.at(want).floor = std::move(version);
  co_return Result<>();
}

bool WantedObjects::current(const ObjectKey& want, std::uint64_t attempt) const {
  const auto found = wants_.find(want);
  return found != wants_.end() && found->second.attempt == attempt;
}

void WantedObjects::done(const ObjectKey& key) {
  Want& want = wants_.at(key);
  ++reads_;
  const bool was_known = want.known;
  change(want, [](Want& now) {
    now.read = now.known = true;
    now.unreadable = false;
    now.attempt = 0;
  });
  recovered(want);
  const auto [first, last] = states_of(key);
  for (auto state = first; state != last;) state = state->second.present ? std::next(state) : states_.erase(state);
  if (!was_known) sink_.known(key);
}

// The pause is the want's own: another is read meanwhile.
void WantedObjects::failed(const ObjectKey& key, const base::Error& error) {
  Want& want = wants_.at(key);
  const base::SteadyTime now = client_.clock().steady_now();
  if (!want.backoff) {
    want.backoff.emplace(options_.backoff, client_.random());
    want.failing_since = now;
    ++failing_;
    if (log_budget_.take(now)) {
      base::log::warning("object cannot be fetched",
                         {{"resource", options_.type.plural}, {"object", key.to_string()}, {"error", error}});
    }
  }
  read_error_ = error;
  const std::chrono::milliseconds asked = error.retry_after.value_or(std::chrono::seconds(0));
  tasks_.spawn("later read", queue_later(key, want.attempt, std::max(want.backoff->next(), asked)));
  const bool is_refused = error.kind == ErrorKind::invalid || error.kind == ErrorKind::denied;
  const bool is_overdue = reflector_.last_contact() - want.failing_since >= options_.patience;
  if (want.unreadable || (!is_refused && !is_overdue)) return;
  change(want, [](Want& unreadable) {
    unreadable.known = false;
    unreadable.unreadable = true;
  });
  const auto [first, last] = states_of(key);
  for (auto state = first; state != last; ++state) {
    if (state->second.present) state->second.version.clear();  // it is told again
  }
  sink_.unreadable(key);
}

void WantedObjects::recovered(Want& want) {
  if (!want.backoff) return;
  want.backoff.reset();
  if (--failing_ == 0) read_error_.reset();
}

}  // namespace podid::kube
