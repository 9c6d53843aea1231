// SPDX-License-Identifier: Apache-2.0
#include "mic/control/status_writer.hpp"

#include <algorithm>
#include <vector>

#include "base/backoff.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/times.hpp"
#include "mic/control/limits.hpp"

namespace podid::mic {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxStatusWrites = 8;

const json::object* find_condition(const json::object& known, const std::string& type) {
  const json::value* conditions = known.if_contains("conditions");
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  for (const json::value& item : conditions->get_array()) {
    if (item.is_object() && base::text_at(item, {"type"}) == type) return &item.get_object();
  }
  return nullptr;
}

// The others', and ours: a merge patch replaces a list as a whole.
json::array conditions_with(const json::object& known, json::object ours) {
  json::array all;
  if (const json::value* conditions = known.if_contains("conditions"); conditions && conditions->is_array()) {
    for (const json::value& item : conditions->get_array()) {
      if (base::text_at(item, {"type"}) != base::text_at(ours, {"type"})) all.push_back(item);
    }
  }
  all.push_back(std::move(ours));
  return all;
}

}  // namespace

std::optional<StatusChange> status_change(const json::object& known, const ObjectStatus& wanted, core::Instant now) {
  StatusChange change;
  for (const auto& [name, value] : wanted.members) {
    const json::value* before = known.if_contains(name);
    const bool same = value.is_null() ? before == nullptr || before->is_null() : before != nullptr && *before == value;
    if (!same) change.status[name] = value;
  }
  if (wanted.condition) {
    const Condition& condition = *wanted.condition;
    const json::object* before = find_condition(known, condition.type);
    const std::string_view status = condition.holds ? "True" : "False";
    change.flips = before == nullptr || base::text_at(*before, {"status"}) != status;
    if (change.flips || base::text_at(*before, {"reason"}) != condition.reason ||
        base::text_at(*before, {"message"}) != condition.message) {
      json::object ours{
          {"type", condition.type},
          {"status", status},
          {"reason", condition.reason},
          {"message", condition.message},
          {"lastTransitionTime", change.flips ? core::time_text(now) : base::text_at(*before, {"lastTransitionTime"})},
          {"observedGeneration", wanted.observed_generation}};
      change.status["conditions"] = conditions_with(known, std::move(ours));
    }
  }
  if (change.status.empty()) return std::nullopt;
  return change;
}

base::Task<base::Result<>> KubeStatusApi::write(StatusOwner owner, json::object status) {
  kube::Patch patch;
  patch.type = kube::PatchType::merge;
  patch.subresource = "status";
  patch.body = json::object{{"metadata", json::object{{"uid", owner.uid}}}, {"status", std::move(status)}};
  const kube::ObjectKey key{.ns = owner.key.ns, .name = owner.key.name};
  const net::Deadline deadline = net::Deadline::in(client_.clock(), kube::kWriteTimeout);
  auto answer = co_await client_.patch(owner.type, key, std::move(patch), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return base::Result<>();
}

StatusWriter::StatusWriter(base::Executor executor, base::Clock& clock, StatusApi& api)
    : clock_(clock), api_(api), alarm_(executor, clock, [this] { dispatch(); }), tasks_(executor) {}

StatusWriter::Entry& StatusWriter::entry_of(const StatusOwner& owner) {
  const Key key = key_of(owner);
  Entry& entry = entries_[key];
  if (entry.owner.uid != owner.uid) {
    const bool in_work = entry.in_work;
    entry = Entry{};
    entry.in_work = in_work;
  }
  entry.owner = owner;
  return entry;
}

void StatusWriter::want(const StatusOwner& owner, ObjectStatus wanted) {
  Entry& entry = entry_of(owner);
  entry.wanted = std::move(wanted);
  entry.refused = false;
  consider(key_of(owner));
}

void StatusWriter::saw(const StatusOwner& owner, json::object known) {
  Entry& entry = entry_of(owner);
  if (entry.known == known) return;
  entry.known = std::move(known);
  consider(key_of(owner));
}

void StatusWriter::erase(kube::ResourceType type, const core::ObjectKey& key) {
  const Key ours{std::string(type.plural), key};
  queue_.erase(ours);
  const auto found = entries_.find(ours);
  if (found == entries_.end()) return;
  if (found->second.in_work) {
    found->second.wanted.reset();  // write() ends it
  } else {
    entries_.erase(found);
  }
}

void StatusWriter::consider(const Key& key) {
  queue_.insert(key);
  if (started_ && !stopping_) alarm_.set(clock_.steady_now());
}

void StatusWriter::start() {
  started_ = true;
  dispatch();
}

void StatusWriter::stop() {
  stopping_ = true;
  alarm_.set(std::nullopt);
}

void StatusWriter::dispatch() {
  if (!started_ || stopping_) return;
  const base::SteadyTime now = clock_.steady_now();
  std::optional<base::SteadyTime> next;
  struct Start {
    Key key;
    StatusOwner owner;
    json::object status;
  };
  std::vector<Start> starts;  // after the loop: a write may end, and come back here, at once
  for (auto at = queue_.begin(); at != queue_.end() && in_work_ < kMaxStatusWrites;) {
    Entry& entry = entries_.at(*at);
    std::optional<StatusChange> change;
    if (entry.wanted && !entry.refused && !entry.in_work)
      change = status_change(entry.known, *entry.wanted, clock_.wall_now());
    if (!change) {
      at = queue_.erase(at);
      continue;
    }
    const bool may_wait = !change->flips || entry.pause > base::Duration(0);
    if (may_wait && entry.not_before > now) {
      next = std::min(next.value_or(entry.not_before), entry.not_before);
      ++at;
      continue;
    }
    entry.in_work = true;
    entry.not_before = now + kStatusInterval;
    ++in_work_;
    starts.push_back({.key = *at, .owner = entry.owner, .status = std::move(change->status)});
    at = queue_.erase(at);
  }
  alarm_.set(next);
  for (Start& start : starts) {
    tasks_.spawn("status of an object", write(std::move(start.key), std::move(start.owner), std::move(start.status)));
  }
}

base::Task<> StatusWriter::write(Key key, StatusOwner owner, json::object status) {
  auto written = co_await api_.write(owner, status);
  --in_work_;
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.in_work = false;
    if (entry.owner.uid == owner.uid) {
      if (written) {
        // Until the watch tells.
        for (const auto& [name, value] : status) entry.known[name] = value;
        entry.pause = base::Duration(0);
      } else {
        note_failure(owner, entry, written.error());
      }
    }
    if (entry.wanted) {
      queue_.insert(key);
    } else {
      entries_.erase(found);
    }
  }
  dispatch();
}

void StatusWriter::note_failure(const StatusOwner& owner, Entry& entry, const base::Error& error) {
  // 404: gone, or a definition without a status of its own. 422: a definition that is not ours.
  entry.refused = error.kind == base::ErrorKind::not_found || error.http_status == 404 || error.http_status == 422 ||
                  error.http_status == 403 || error.kind == base::ErrorKind::conflict;
  entry.pause = base::next_pause(entry.pause, kWriteRetryFirstDelay, kWriteRetryLastDelay);
  entry.not_before = clock_.steady_now() + entry.pause;
  if (error.kind == base::ErrorKind::conflict || !log_budget_.take(clock_.steady_now())) return;
  base::log::info("the status of an object cannot be written", {{"kind", owner.type.kind},
                                                                {"object", owner.key.text()},
                                                                {"error", error},
                                                                {"suppressed_before", log_budget_.take_suppressed()}});
}

}  // namespace podid::mic
