// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/watch_hub.hpp"

#include <fmt/format.h>

#include <iterator>

#include "lab/apiserver/store/listing.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kLastBookmarkBeforeEnd{2};

}  // namespace

Watcher::Watcher(WatchHub& hub, ResourcePtr resource, std::string ns, std::string name, ListOptions options)
    : hub_(hub),
      resource_(std::move(resource)),
      ns_(std::move(ns)),
      name_(std::move(name)),
      options_(std::move(options)),
      ends_at_(hub.clock_.steady_now() + options_.timeout.value_or(hub.limits_.default_watch_timeout)),
      max_queue_(hub.limits_.max_watch_queue),
      next_bookmark_(next_bookmark(hub.clock_.steady_now())),
      filled_(hub.executor_) {
  hub_.by_bucket_[resource_->bucket()].insert(this);
  ++hub_.count_;
  ++hub_.opened_;
}

Watcher::~Watcher() {
  const auto found = hub_.by_bucket_.find(resource_->bucket());
  found->second.erase(this);
  if (found->second.empty()) hub_.by_bucket_.erase(found);
  --hub_.count_;
}

base::SteadyTime Watcher::next_bookmark(base::SteadyTime now) const {
  const base::SteadyTime regular = now + hub_.limits_.bookmark_interval;
  const base::SteadyTime last = ends_at_ - kLastBookmarkBeforeEnd;
  if (regular <= last) return regular;
  return last > now ? last : base::SteadyTime::max();
}

void Watcher::end() {
  ended_ = true;
  filled_.notify();
}

void Watcher::push(WatchItem item) {
  if (ended_) return;
  if (queue_.size() >= max_queue_) {
    // The client would have to be told of a gap; it lists again instead.
    queue_.clear();
    ++hub_.dropped_slow_;
    end();
    return;
  }
  queue_.push_back(std::move(item));
  filled_.notify();
}

std::optional<WatchItem> Watcher::item_of(const Change& change) const {
  if (change.revision <= ignore_until_) return std::nullopt;
  const bool was = change.before && selects(options_, ns_, name_, *change.before);
  const bool is = change.after && selects(options_, ns_, name_, *change.after);
  if (is) return WatchItem{.type = was ? WatchItem::Type::modified : WatchItem::Type::added, .object = change.after};
  if (!was) return std::nullopt;
  // Gone, or no longer selected: the client sees it as it last saw it, at the revision of the change.
  return WatchItem{.type = WatchItem::Type::deleted,
                   .object = change.last ? change.last : at_revision(change.before, change.revision)};
}

base::Task<std::vector<WatchItem>> Watcher::next() {
  while (queue_.empty() && !ended_) co_await filled_.wait();
  std::vector<WatchItem> items(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
  queue_.clear();
  co_return items;
}

WatchHub::WatchHub(base::Executor executor, base::Clock& clock, Store& store, const Limits& limits)
    : executor_(executor), clock_(clock), store_(store), limits_(limits) {
  store_.observe([this](const ChangePtr& change) { dispatch(change); });
}

Answer<std::unique_ptr<Watcher>> WatchHub::open(ResourcePtr resource, std::string ns, std::string name,
                                                ListOptions options) {
  if (count_ >= limits_.max_watchers)
    return std::unexpected(too_many_requests("too many watches, please try again later"));
  const std::uint64_t asked = options.resource_version.value_or(0);
  if (options.send_initial_events == true && asked > store_.revision()) {
    return std::unexpected(too_large_resource_version(asked, store_.revision()));
  }
  auto watcher =
      std::make_unique<Watcher>(*this, std::move(resource), std::move(ns), std::move(name), std::move(options));
  queue_start(*watcher);
  watcher->max_queue_ += watcher->queue_.size();  // what the client has asked for does not count against it
  return watcher;
}

void WatchHub::queue_start(Watcher& watcher) {
  const ListOptions& options = watcher.options_;
  const std::string bucket = watcher.resource_->bucket();
  const std::uint64_t asked = options.resource_version.value_or(0);
  const bool initial = options.send_initial_events.value_or(asked == 0);
  if (initial) {
    for (const auto& [key, object] : store_.objects(bucket)) {
      if (!selects(options, watcher.ns_, watcher.name_, *object)) continue;
      watcher.queue_.push_back({.type = WatchItem::Type::added, .object = object});
    }
    if (options.send_initial_events == true && options.allow_bookmarks) {
      watcher.queue_.push_back({.type = WatchItem::Type::initial_end, .revision = store_.revision()});
    }
    return;
  }
  if (asked == 0) return;
  if (asked < store_.compacted_revision()) {
    watcher.queue_.push_back(
        {.type = WatchItem::Type::error,
         .error = expired(fmt::format("too old resource version: {} ({})", asked, store_.compacted_revision()))});
    watcher.ended_ = true;
    return;
  }
  watcher.ignore_until_ = asked;
  for (const ChangePtr& change : store_.changes_after(bucket, asked)) {
    if (auto item = watcher.item_of(*change)) watcher.queue_.push_back(std::move(*item));
  }
}

void WatchHub::dispatch(const ChangePtr& change) {
  const auto found = by_bucket_.find(change->bucket);
  if (found == by_bucket_.end()) return;
  for (Watcher* watcher : found->second) {
    if (auto item = watcher->item_of(*change)) watcher->push(std::move(*item));
  }
}

base::Task<> WatchHub::run() {
  while (true) {
    co_await clock_.sleep_for(kTick);
    const base::SteadyTime now = clock_.steady_now();
    for (const auto& [bucket, watchers] : by_bucket_) {
      for (Watcher* watcher : watchers) {
        if (watcher->ended_) continue;
        if (watcher->options_.allow_bookmarks && now >= watcher->next_bookmark_) {
          watcher->push({.type = WatchItem::Type::bookmark, .revision = store_.revision()});
          watcher->next_bookmark_ = watcher->next_bookmark(now);
        }
        if (now >= watcher->ends_at_) watcher->end();
      }
    }
  }
}

void WatchHub::end_all() {
  for (const auto& [bucket, watchers] : by_bucket_) {
    for (Watcher* watcher : watchers) watcher->end();
  }
}

void WatchHub::end_bucket(std::string_view bucket) {
  const auto found = by_bucket_.find(bucket);
  if (found == by_bucket_.end()) return;
  for (Watcher* watcher : found->second) watcher->end();
}

}  // namespace podid::lab::apiserver
