// SPDX-License-Identifier: Apache-2.0
#include "kube/event_recorder.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/time_text.hpp"
#include "kube/status.hpp"

namespace podid::kube {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Task;

constexpr std::chrono::minutes kProbeDenied{1};
constexpr std::size_t kMaxNameBytes = 253;

// 16 digits of the text's SHA-256.
std::string hex_hash(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (std::size_t i = 0; i < 8; ++i) fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  return hex;
}

// As short as reportingInstance must be, and still one node's alone.
std::string bounded_instance(const std::string& text) {
  if (text.size() <= EventRecorder::kMaxInstanceBytes) return text;
  const std::string suffix = "-" + hex_hash(text);
  return std::string(text_prefix(text, EventRecorder::kMaxInstanceBytes - suffix.size())) + suffix;
}

json::object series_of(std::uint64_t count, base::WallTime last) {
  return json::object{{"count", count}, {"lastObservedTime", base::format_rfc3339_micro(last)}};
}

json::object reference_object(const ObjectRef& ref) {
  json::object object{{"apiVersion", ref.api_version}, {"kind", ref.kind}, {"name", ref.key.name}};
  if (!ref.key.ns.empty()) object["namespace"] = ref.key.ns;
  if (!ref.uid.empty()) object["uid"] = ref.uid;
  return object;
}

// Events about cluster-scoped objects live in this namespace.
std::string namespace_of_event(const ObjectKey& regarding) { return regarding.ns.empty() ? "default" : regarding.ns; }

// Worth repeating the same request: no answer, or one that is not about this event. (Also when we were stopped while
// we waited for the answer: stop() writes what is left.)
bool is_passing(const Error& error) {
  const bool refused = error.http_status >= 400 && error.http_status < 500;
  return !refused || base::is_retryable(error) || error.kind == ErrorKind::unauthenticated;
}

}  // namespace

std::string_view text_prefix(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

EventRecorder::EventRecorder(Client& client, EventRecorderOptions options)
    : client_(client),
      options_(std::move(options)),
      backoff_(options_.backoff, client.random()),
      wake_(client.executor()),
      tasks_(client.executor()) {}

void EventRecorder::record(EventKey key, Delivery delivery, std::uint64_t n) {
  if (n == 0) return;
  key.message.resize(text_prefix(key.message, kMaxMessageBytes).size());
  statistics_.recorded += n;
  const Fingerprint fingerprint = fingerprint_of(key);
  auto found = entries_.find(fingerprint);
  if (found == entries_.end()) {
    if (!make_room(delivery)) {
      statistics_.dropped += n;
      return;
    }
    found = entries_.try_emplace(fingerprint).first;
    found->second.number = ++last_number_;
    found->second.first = client_.clock().wall_now();
    found->second.delivery = delivery;
  } else if (!found->second.key) {
    idle_.erase(found->second.idle_since);
  }
  Entry& entry = found->second;
  if (delivery == Delivery::counted) entry.delivery = delivery;
  entry.count += n;
  entry.last = client_.clock().wall_now();
  if (entry.key) return;
  entry.key = std::make_unique<const EventKey>(std::move(key));
  enqueue(found, std::max(entry.not_before, client_.clock().steady_now()));
}

EventRecorder::Fingerprint EventRecorder::fingerprint_of(const EventKey& key) {
  std::string text;
  const auto add = [&text](std::string_view field) {
    fmt::format_to(std::back_inserter(text), "{}:{}", field.size(), field);
  };
  const auto add_object = [&add](const ObjectRef& object) {
    for (const std::string* field :
         {&object.api_version, &object.kind, &object.key.ns, &object.key.name, &object.uid}) {
      add(*field);
    }
  };
  add_object(key.regarding);
  add(key.type == EventType::normal ? "normal" : "warning");
  add(key.reason);
  add(key.message);
  add(key.action);
  if (key.related) add_object(*key.related);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  Fingerprint fingerprint{};
  static_assert(sizeof fingerprint <= digest.size());
  std::memcpy(fingerprint.data(), digest.data(), sizeof fingerprint);
  return fingerprint;
}

bool EventRecorder::make_room(Delivery delivery) {
  while (entries_.size() >= options_.max_events && !idle_.empty()) {
    const auto oldest = idle_.begin();
    entries_.erase(oldest->second);
    idle_.erase(oldest);
  }
  if (delivery == Delivery::best_effort) return entries_.size() < options_.max_events;
  const std::size_t limit = std::max(options_.max_events, options_.max_counted_events);
  while (entries_.size() >= limit && !denied_.empty()) {
    const Entry& oldest = denied_.front()->second;
    statistics_.dropped += oldest.count - oldest.written_count;
    entries_.erase(denied_.front());
    denied_.pop_front();
  }
  return entries_.size() < limit;
}

void EventRecorder::enqueue(Item item, base::SteadyTime not_before) {
  item->second.not_before = not_before;
  waiting_.emplace(not_before, item);
  wake_.notify();
}

void EventRecorder::retire(Item item) {
  item->second.key.reset();
  item->second.idle_since = ++last_idle_;
  idle_.emplace(last_idle_, item);
}

void EventRecorder::give_up(Item item) {
  statistics_.rejected += item->second.count - item->second.written_count;
  entries_.erase(item);
}

// Of a denied event.
void EventRecorder::put_aside(Item item) {
  if (item->second.delivery == Delivery::counted) {
    denied_.push_back(item);
  } else {
    give_up(item);
  }
}

bool EventRecorder::is_denied(Item item) const {
  return denied_namespaces_.size() >= kMaxDeniedNamespaces ||
         denied_namespaces_.contains(namespace_of_event(item->second.key->regarding.key));
}

void EventRecorder::pause(Item item, const Error& denial) {
  const std::string ns = namespace_of_event(item->second.key->regarding.key);
  if (denied_namespaces_.empty()) {
    next_probe_ = client_.clock().steady_now() + kProbeDenied;
    base::log::warning(
        "writing events is denied: one is tried every minute",
        {{"needed", options_.api == EventApi::core_v1 ? "rbac: create, patch of events"
                                                      : "rbac: create, patch, get of events in events.k8s.io"},
         {"namespace", ns},
         {"error", denial}});
  }
  if (denied_namespaces_.size() < kMaxDeniedNamespaces) denied_namespaces_.insert(ns);
}

void EventRecorder::resume() {
  denied_namespaces_.clear();
  const std::deque<Item> waited = std::exchange(denied_, {});
  for (const Item item : waited) enqueue(item, client_.clock().steady_now());
}

void EventRecorder::start() {
  for (std::size_t i = 0; i < options_.writers; ++i) tasks_.spawn("event writer", run());
}

Task<> EventRecorder::stop(net::Deadline deadline) {
  tasks_.stop();
  co_await tasks_.join();
  waiting_.clear();
  denied_.clear();
  std::vector<Item> unwritten;
  for (auto item = entries_.begin(); item != entries_.end(); ++item) {
    if (item->second.count > item->second.written_count) unwritten.push_back(item);
  }
  backoff_.reset();
  bool probed = false;  // permission may have been given since
  for (const Item item : unwritten) {
    if (is_denied(item) && std::exchange(probed, true)) continue;
    while (true) {
      const Result<> written = co_await write(item, deadline);
      after_attempt(item, written);
      if (written || !is_passing(written.error())) break;
      const auto delay = std::max<std::chrono::milliseconds>(
          backoff_.next(), written.error().retry_after.value_or(std::chrono::seconds(0)));
      if (net::Deadline::in(client_.clock(), delay) >= deadline) co_return;
      co_await client_.clock().sleep_for(delay);
    }
  }
}

EventStatistics EventRecorder::statistics() const {
  EventStatistics statistics = statistics_;
  statistics.waiting = entries_.size() - idle_.size();
  return statistics;
}

Task<> EventRecorder::run() {
  while (true) {
    const Item item = co_await next();
    const Result<> written = co_await write(item, net::Deadline::in(client_.clock(), options_.request_timeout));
    after_attempt(item, written);
    if (written || !is_passing(written.error())) {
      backoff_.reset();
      continue;
    }
    const std::chrono::milliseconds asked = written.error().retry_after.value_or(std::chrono::seconds(0));
    co_await client_.clock().sleep_for(std::max(backoff_.next(), asked));
  }
}

// The next event that may be written now, taken from the queue.
Task<EventRecorder::Item> EventRecorder::next() {
  while (true) {
    if (const std::optional<Item> item = take_due()) co_return *item;
    base::SteadyTime due = waiting_.empty() ? base::SteadyTime::max() : waiting_.begin()->first;
    if (!denied_.empty()) due = std::min(due, next_probe_);
    if (due < alarm_at_) {
      alarm_at_ = due;
      tasks_.spawn("event alarm", alarm(alarm_at_));
    }
    co_await wake_.wait();
  }
}

// Puts aside, or ends, what is denied at the moment.
std::optional<EventRecorder::Item> EventRecorder::take_due() {
  const base::SteadyTime now = client_.clock().steady_now();
  if (!denied_.empty() && now >= next_probe_) {
    next_probe_ = now + kProbeDenied;
    const Item item = denied_.front();
    denied_.pop_front();
    return item;
  }
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const Item item = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    if (!is_denied(item)) return item;
    if (now >= next_probe_) {
      next_probe_ = now + kProbeDenied;
      return item;
    }
    put_aside(item);
  }
  return std::nullopt;
}

Task<> EventRecorder::alarm(base::SteadyTime when) {
  co_await client_.clock().sleep_until(when);
  alarm_at_ = base::SteadyTime::max();
  wake_.notify();
}

Task<Result<>> EventRecorder::write(Item item, net::Deadline deadline) {
  Entry& entry = item->second;
  const std::uint64_t count = entry.count;
  if (entry.name.empty()) entry.name = name_for(item);
  Result<json::value> answer = co_await send(item, deadline);
  if (!answer && entry.created && answer.error().kind == ErrorKind::not_found) {
    entry.created = false;  // it has expired on the server
    entry.name = name_for(item);
    answer = co_await send(item, deadline);
  } else if (!answer && !entry.created && answer.error().kind == ErrorKind::already_exists) {
    entry.created = true;  // an earlier attempt reached the server although its answer did not reach us
    answer = co_await send(item, deadline);
  }
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  entry.created = true;
  entry.written_count = count;
  co_return Result<>();
}

Task<Result<json::value>> EventRecorder::send(Item item, net::Deadline deadline) {
  const Entry& entry = item->second;
  const bool series = options_.api == EventApi::events_v1;
  const ResourceType& type = series ? kSeriesEvents : kEvents;
  if (!entry.created) return client_.create(type, series ? series_event_object(entry) : event_object(entry), deadline);
  const ObjectKey key{namespace_of_event(entry.key->regarding.key), entry.name};
  // Made by an earlier attempt whose answer was lost, and nothing came since.
  if (series && entry.count < 2) return client_.get(type, key, deadline);
  Patch patch;
  if (series) {
    patch.body = json::object{{"series", series_of(entry.count, entry.last)}};
  } else {
    patch.body = json::object{{"count", entry.count}, {"lastTimestamp", base::format_rfc3339(entry.last)}};
  }
  return client_.patch(type, key, std::move(patch), deadline);
}

// What becomes of an event after an attempt to write it.
void EventRecorder::after_attempt(Item item, const Result<>& written) {
  Entry& entry = item->second;
  const base::SteadyTime now = client_.clock().steady_now();
  if (written) {
    ++statistics_.writes;
    if (is_denied(item)) resume();
    entry.not_before = now + options_.interval;
    if (entry.count > entry.written_count) {
      enqueue(item, entry.not_before);
    } else {
      retire(item);
    }
    return;
  }
  ++statistics_.failures;
  const Error& error = written.error();
  if (is_passing(error)) {
    enqueue(item, now);
  } else if (error.kind == ErrorKind::denied && !is_namespace_terminating(error)) {
    pause(item, error);
    put_aside(item);
  } else {
    give_up(item);
  }
}

json::value EventRecorder::event_object(const Entry& entry) const {
  const EventKey& key = *entry.key;
  json::object event{
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", {{"name", entry.name}, {"namespace", namespace_of_event(key.regarding.key)}}},
      {"involvedObject", reference_object(key.regarding)},
      {"type", key.type == EventType::normal ? "Normal" : "Warning"},
      {"reason", key.reason},
      {"message", key.message},
      {"count", entry.count},
      {"firstTimestamp", base::format_rfc3339(entry.first)},
      {"lastTimestamp", base::format_rfc3339(entry.last)},
      {"reportingComponent", options_.component},
      {"reportingInstance", options_.instance},
  };
  json::object source{{"component", options_.component}};
  if (!options_.host.empty()) source["host"] = options_.host;
  event["source"] = std::move(source);
  if (!key.action.empty()) event["action"] = key.action;
  if (key.related) event["related"] = reference_object(*key.related);
  return event;
}

json::value EventRecorder::series_event_object(const Entry& entry) const {
  const EventKey& key = *entry.key;
  json::object event{
      {"apiVersion", kSeriesEvents.api_version()},
      {"kind", "Event"},
      {"metadata", {{"name", entry.name}, {"namespace", namespace_of_event(key.regarding.key)}}},
      {"eventTime", base::format_rfc3339_micro(entry.first)},
      {"reportingController", options_.component},
      {"reportingInstance", bounded_instance(options_.instance)},
      {"action", key.action},
      {"reason", key.reason},
      {"regarding", reference_object(key.regarding)},
      {"note", key.message},
      {"type", key.type == EventType::normal ? "Normal" : "Warning"},
  };
  if (key.related) event["related"] = reference_object(*key.related);
  if (entry.count >= 2) event["series"] = series_of(entry.count, entry.last);
  return event;
}

// "<object>.<hex>", a valid object name however long the object's own is. Unique by chance; of events.k8s.io by what it is
// a hash of, so that it is the same when it is made anew.
std::string EventRecorder::name_for(Item item) {
  const ObjectKey& regarding = item->second.key->regarding.key;
  const std::string unique =
      options_.api == EventApi::core_v1
          ? fmt::format("{:016x}", client_.random().next())
          : hex_hash(fmt::format("{}\n{}\n{:016x}{:016x}\n{}", options_.origin, options_.instance, item->first[0],
                                 item->first[1], item->second.number));
  const std::string suffix = "." + unique;
  std::string name = regarding.name.substr(0, kMaxNameBytes - suffix.size());
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
  return name + suffix;
}

}  // namespace podid::kube
