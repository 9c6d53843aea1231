// SPDX-License-Identifier: Apache-2.0
// Kubernetes events (core/v1 or events.k8s.io/v1): the first occurrence is created, later ones raise its count.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/object_key.hpp"

namespace podid::kube {

enum class EventType { normal, warning };

// The first `bytes` of a text, or fewer: no character of UTF-8 is cut in two.
std::string_view text_prefix(std::string_view text, std::size_t bytes);

// Occurrences with an equal EventKey are one event with a count.
struct EventKey {
  ObjectRef regarding = {};  // with uid, else `kubectl describe` does not show the event
  EventType type = EventType::normal;
  std::string reason = {};
  std::string message = {};  // events.k8s.io: the note; cut at kMaxMessageBytes
  std::optional<ObjectRef> related = {};
  std::string action = {};

  bool operator==(const EventKey&) const = default;
};

// Counted events have more room than best-effort ones, and wait where writing them is denied.
enum class Delivery { best_effort, counted };

// What is written. In events.k8s.io/v1 one event has a `series` with the count from the second occurrence on, an action is
// needed, and nothing but the series can change.
enum class EventApi { core_v1, events_v1 };

struct EventRecorderOptions {
  EventApi api = EventApi::core_v1;
  std::string component = {};  // source.component and reportingComponent; events.k8s.io: reportingController
  std::string host = {};       // source.host
  std::string instance = {};   // reportingInstance; events.k8s.io: cut, with a hash, at kMaxInstanceBytes
  // events.k8s.io: the names of events are hashes of this, of the instance, of the EventKey, and of which of the
  // recorder's different events it is. So one recorder must not have the text of another: it is unique to a process.
  std::string origin = {};
  // Different events that are remembered. When all of them wait to be written, a new best-effort one is dropped.
  std::size_t max_events = 4096;
  // The same for counted ones; not less than max_events.
  std::size_t max_counted_events = 4 * 4096;
  // Requests at once.
  std::size_t writers = 4;
  // A counted-up event is written again at most this often.
  std::chrono::milliseconds interval{10'000};
  std::chrono::seconds request_timeout{30};
  base::BackoffOptions backoff{.initial = std::chrono::milliseconds(200), .limit = std::chrono::seconds(30)};
};

struct EventStatistics {
  std::uint64_t recorded = 0;  // occurrences
  std::uint64_t dropped = 0;   // occurrences for which there was no room
  std::uint64_t rejected = 0;  // occurrences refused for good: the namespace is gone, the event is invalid or denied
  std::uint64_t writes = 0;    // successful requests
  std::uint64_t failures = 0;  // failed ones
  std::size_t waiting = 0;     // events with occurrences that are not written yet
};

// Belongs to the client's executor. Recording never waits. While the API server is away, throttles or does not accept
// our token, writes are repeated with back-off. Counts in memory survive an API server that is away: every write
// carries the whole count, so repeating one is harmless. Call stop() and await it before the destructor.
//
// Where writing is denied (403: no permission, a quota) nothing more is sent to that namespace, or to any once many
// have denied it: counted events wait, best-effort ones end. One event a minute is tried, whatever its namespace; once
// one is written, so are all that wait. The first denial is logged as a warning.
class EventRecorder {
 public:
  static constexpr std::size_t kMaxMessageBytes = 1024;
  static constexpr std::size_t kMaxInstanceBytes = 128;
  // Once so many have denied events, the others are taken for denied, too.
  static constexpr std::size_t kMaxDeniedNamespaces = 64;

  EventRecorder(Client& client, EventRecorderOptions options);

  // `n` more occurrences, at this moment. A new counted event that finds no room takes that of the one that was denied
  // longest ago.
  void record(EventKey key, Delivery delivery = Delivery::best_effort, std::uint64_t n = 1);

  void start();
  // Ends the background writes, then writes what waits, without regard to the interval, until `deadline`.
  // statistics().waiting tells what was left.
  base::Task<> stop(net::Deadline deadline);
  EventStatistics statistics() const;

 private:
  // Of an EventKey. Thousands of events are remembered, few wait to be written: only those keep their text.
  using Fingerprint = std::array<std::uint64_t, 2>;
  struct Entry {
    std::unique_ptr<const EventKey> key;  // while it waits, in waiting_ or denied_, or is being written
    Delivery delivery = Delivery::best_effort;
    std::uint64_t count = 0;          // in all
    std::uint64_t written_count = 0;  // as the server knows it
    std::uint64_t number = 0;         // of all that were ever remembered
    std::string name;  // of the Event object; chosen before the first attempt, so that a repeated create is noticed
    bool created = false;
    base::WallTime first{};
    base::WallTime last{};
    base::SteadyTime not_before{};  // when it may be written next
    std::uint64_t idle_since = 0;   // its key in idle_ while it has no key
  };
  using Entries = std::map<Fingerprint, Entry>;
  using Item = Entries::iterator;

  static Fingerprint fingerprint_of(const EventKey& key);
  bool make_room(Delivery delivery);
  void enqueue(Item item, base::SteadyTime not_before);
  void retire(Item item);
  void give_up(Item item);
  void put_aside(Item item);
  bool is_denied(Item item) const;
  void pause(Item item, const base::Error& denial);
  void resume();
  base::Task<> run();
  base::Task<Item> next();
  std::optional<Item> take_due();
  base::Task<> alarm(base::SteadyTime when);
  base::Task<base::Result<>> write(Item item, net::Deadline deadline);
  base::Task<base::Result<json::value>> send(Item item, net::Deadline deadline);
  void after_attempt(Item item, const base::Result<>& written);
  json::value event_object(const Entry& entry) const;
  json::value series_event_object(const Entry& entry) const;
  std::string name_for(Item item);

  // constant
  Client& client_;
  const EventRecorderOptions options_;
  // state
  Entries entries_;
  std::multimap<base::SteadyTime, Item> waiting_;  // by not_before
  std::deque<Item> denied_;                        // counted ones, longest ago first
  std::map<std::uint64_t, Item> idle_;             // everything written, longest ago first
  std::set<std::string> denied_namespaces_;        // since something was last written in one of them
  base::SteadyTime next_probe_{};                  // when one event of a denied namespace may be tried
  std::uint64_t last_idle_ = 0;
  std::uint64_t last_number_ = 0;
  base::Backoff backoff_;
  EventStatistics statistics_;
  base::Event wake_;  // for the writers
  base::SteadyTime alarm_at_ = base::SteadyTime::max();
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::kube
