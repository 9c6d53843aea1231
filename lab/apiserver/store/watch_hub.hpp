// SPDX-License-Identifier: Apache-2.0
// Watches: who waits for which changes, and what each has still to be told.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/event.hpp"
#include "lab/apiserver/store/list_options.hpp"
#include "lab/apiserver/store/store.hpp"
#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {

struct WatchItem {
  enum class Type { added, modified, deleted, bookmark, initial_end, error };
  Type type = Type::added;
  ObjectPtr object = nullptr;  // of added, modified, deleted
  std::uint64_t revision = 0;  // of a bookmark
  std::optional<ApiStatus> error = {};
};

class WatchHub;

// One watch: a queue that the hub fills and one reader empties. Unregisters itself.
class Watcher {
 public:
  Watcher(WatchHub& hub, ResourcePtr resource, std::string ns, std::string name, ListOptions options);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // The next items in order, all that have come; empty when the watch has ended. Cancellation throws, like
  // every wait.
  base::Task<std::vector<WatchItem>> next();

 private:
  friend class WatchHub;
  void push(WatchItem item);
  // When the bookmark after `now` is due: at the interval, but once 2 s before the end.
  base::SteadyTime next_bookmark(base::SteadyTime now) const;
  // What the change is for this watch, where it is anything.
  std::optional<WatchItem> item_of(const Change& change) const;
  void end();

  // constant
  WatchHub& hub_;
  ResourcePtr resource_;
  std::string ns_;
  std::string name_;
  ListOptions options_;
  base::SteadyTime ends_at_;
  // owned by the executor
  std::uint64_t ignore_until_ = 0;  // changes up to this revision are known to the client
  std::deque<WatchItem> queue_;
  std::size_t max_queue_;
  base::SteadyTime next_bookmark_;
  bool ended_ = false;
  base::Event filled_;  // or ended
};

// Belongs to one executor. Outlives its watchers.
class WatchHub {
 public:
  WatchHub(base::Executor executor, base::Clock& clock, Store& store, const Limits& limits);

  // Starts a watch: queues what the options ask for first (the present objects, the changes since a revision,
  // or the 410 that the revision is too old). 429 beyond max_watchers.
  Answer<std::unique_ptr<Watcher>> open(ResourcePtr resource, std::string ns, std::string name, ListOptions options);

  // Sends bookmarks and ends watches at their timeout; runs until cancelled.
  base::Task<> run();
  void end_all();
  // The watches of a resource that is no longer served.
  void end_bucket(std::string_view bucket);

  std::size_t watchers() const { return count_; }
  std::uint64_t opened() const { return opened_; }
  std::uint64_t dropped_slow() const { return dropped_slow_; }

 private:
  friend class Watcher;
  void dispatch(const ChangePtr& change);
  void queue_start(Watcher& watcher);

  base::Executor executor_;
  base::Clock& clock_;
  Store& store_;
  const Limits& limits_;
  std::map<std::string, std::unordered_set<Watcher*>, std::less<>> by_bucket_;
  std::size_t count_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t dropped_slow_ = 0;
};

}  // namespace podid::lab::apiserver
