// SPDX-License-Identifier: Apache-2.0
// A local, always current copy of a collection, decoded, with callbacks for each change.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "kube/index.hpp"
#include "kube/reflector.hpp"

namespace podid::kube {

// Called on the informer's thread, one at a time, after the store and its indexes have changed; any of them may be
// empty. They must not destroy the informer and must not block. Objects are immutable and may be kept and shared.
template <class T>
struct InformerHandlers {
  using Object = std::shared_ptr<const T>;
  std::function<void(const Object& object)> on_added;
  std::function<void(const Object& before, const Object& now)> on_updated;
  // `last` is the last state that was seen, which need not be the final one (the deletion may have been noticed by a
  // list).
  std::function<void(const Object& last)> on_deleted;
  // Once, when the first list has been delivered.
  std::function<void()> on_synced;
  // An object that cannot be decoded, once per version of it. It is left out of the store (an earlier version leaves
  // it, with on_deleted): what cannot be read is not acted upon. The others go on.
  std::function<void(const ObjectKey& key, const base::Error& error)> on_invalid;
};

// Belongs to the client's executor, like Reflector, whose rules on failures and versions apply. For one object
// callbacks come in the order of its versions, none is doubled; intermediate versions may be missing after a list. An
// object that was deleted and made anew (another uid) is reported as deleted, then added, however it was noticed.
template <class T>
class Informer final : private ReflectorSink {
 public:
  using Object = std::shared_ptr<const T>;
  using Decode = std::function<base::Result<T>(const json::value&)>;

  // `decode` must not keep references into the JSON.
  Informer(Client& client, ReflectorOptions options, Decode decode, InformerHandlers<T> handlers = {})
      : on_executor_(client.executor()),
        decode_(std::move(decode)),
        handlers_(std::move(handlers)),
        reflector_(client, std::move(options), *this) {}

  // Before start(). The index lives as long as the informer.
  const Index<T>& add_index(typename Index<T>::ValuesOf values_of) {
    indexes_.push_back(std::make_unique<Index<T>>(std::move(values_of)));
    return *indexes_.back();
  }

  void start() { reflector_.start(); }
  base::Task<> stop() { return reflector_.stop(); }

  // Null when there is none.
  Object find(std::string_view ns, std::string_view name) const {
    on_executor_.check();
    const auto found = store_.find(ObjectKey{std::string(ns), std::string(name)});
    return found == store_.end() ? nullptr : found->second.object;
  }
  // Ordered by namespace and name. `visit(const Object&)`.
  template <class Visit>
  void for_each(Visit&& visit) const {
    on_executor_.check();
    for (const auto& [key, entry] : store_) visit(entry.object);
  }
  std::size_t size() const { return store_.size(); }
  // Objects that are there but cannot be decoded.
  std::size_t invalid_objects() const { return invalid_.size(); }
  // Synced, last contact, last error, counts.
  const Reflector& reflector() const { return reflector_; }
  bool synced() const { return reflector_.synced(); }

 private:
  struct Entry {
    Object object;
    std::string uid;
    std::string version;
  };
  using Entries = std::map<ObjectKey, Entry>;
  // What the server says about one object, decoded if that is needed.
  struct Seen {
    Entry entry;
    std::optional<base::Error> error;  // it cannot be decoded
    bool unchanged = false;            // since it was seen last; not decoded again
  };

  void list_begin() override { listed_.clear(); }
  void versions_begin_anew() override { versions_valid_ = false; }

  void list_item(json::value object) override {
    ObjectKey key = key_of(object);
    Seen seen = read(key, object);
    listed_.insert_or_assign(std::move(key), std::move(seen));
  }

  void list_end() override {
    std::map<ObjectKey, Seen> listed = std::exchange(listed_, {});
    versions_valid_ = true;
    for (const ObjectKey& key : known_but_not_in(listed)) remove(key);
    for (auto& [key, seen] : listed) apply(key, std::move(seen));
    if (!reported_synced_) {
      reported_synced_ = true;
      if (handlers_.on_synced) handlers_.on_synced();
    }
  }

  void watch_event(WatchEvent event) override {
    const ObjectKey key = key_of(event.object);
    if (event.type == WatchEvent::Type::deleted) {
      remove(key);
    } else {
      apply(key, read(key, event.object));
    }
  }

  Seen read(const ObjectKey& key, const json::value& object) const {
    Seen seen;
    seen.entry.uid = base::text_at(object, {"metadata", "uid"});
    seen.entry.version = base::text_at(object, {"metadata", "resourceVersion"});
    if (versions_valid_ && (is_known(store_, key, seen.entry) || is_known(invalid_, key, seen.entry))) {
      seen.unchanged = true;
      return seen;
    }
    base::Result<T> decoded = decode_(object);
    if (decoded) {
      seen.entry.object = std::make_shared<const T>(std::move(*decoded));
    } else {
      seen.error = std::move(decoded.error());
    }
    return seen;
  }

  // An object without a version is never taken for a known one.
  static bool is_known(const Entries& entries, const ObjectKey& key, const Entry& seen) {
    const auto known = entries.find(key);
    return known != entries.end() && !seen.version.empty() && known->second.version == seen.version &&
           known->second.uid == seen.uid;
  }

  void apply(const ObjectKey& key, Seen seen) {
    if (seen.unchanged) return;
    if (seen.error) {
      remove(key);
      invalid_.insert_or_assign(key, std::move(seen.entry));
      if (handlers_.on_invalid) handlers_.on_invalid(key, *seen.error);
      return;
    }
    invalid_.erase(key);
    const auto stored = store_.find(key);
    if (stored != store_.end() && stored->second.uid != seen.entry.uid) remove(key);
    put(key, std::move(seen.entry));
  }

  void put(const ObjectKey& key, Entry entry) {
    const Object now = entry.object;
    const Object before = std::exchange(store_[key], std::move(entry)).object;
    for (const auto& index : indexes_) {
      if (before) index->erase(before);
      index->insert(now);
    }
    if (before) {
      if (handlers_.on_updated) handlers_.on_updated(before, now);
    } else if (handlers_.on_added) {
      handlers_.on_added(now);
    }
  }

  void remove(const ObjectKey& key) {
    invalid_.erase(key);
    const auto stored = store_.find(key);
    if (stored == store_.end()) return;
    const Object last = std::move(stored->second.object);
    store_.erase(stored);
    for (const auto& index : indexes_) index->erase(last);
    if (handlers_.on_deleted) handlers_.on_deleted(last);
  }

  std::vector<ObjectKey> known_but_not_in(const std::map<ObjectKey, Seen>& listed) const {
    std::vector<ObjectKey> keys;
    for (const Entries* entries : {&store_, &invalid_}) {
      for (const auto& [key, entry] : *entries) {
        if (!listed.contains(key)) keys.push_back(key);
      }
    }
    return keys;
  }

  [[no_unique_address]] base::OnExecutor on_executor_;
  const Decode decode_;
  const InformerHandlers<T> handlers_;
  Entries store_;
  Entries invalid_;  // entries without an object
  std::vector<std::unique_ptr<Index<T>>> indexes_;
  std::map<ObjectKey, Seen> listed_;  // the list in progress
  bool versions_valid_ = true;        // an object of a known version is the known one
  bool reported_synced_ = false;
  Reflector reflector_;  // last: stops before what it calls
};

}  // namespace podid::kube
