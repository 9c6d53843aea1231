// SPDX-License-Identifier: Apache-2.0
// What etcd is to the real server: objects by key, one revision counter, and the recent past.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

// An immutable object as it was at one revision. `value` is complete: apiVersion and kind first,
// metadata.resourceVersion set.
class StoredObject {
 public:
  StoredObject(std::string ns, std::string name, std::uint64_t revision, boost::json::value value);

  const std::string& ns() const { return ns_; }
  const std::string& name() const { return name_; }
  std::uint64_t revision() const { return revision_; }
  const boost::json::value& value() const { return value_; }
  std::string_view uid() const;
  // The object as text, made once: lists and watches share it. Not thread-safe.
  const std::string& text() const;

 private:
  std::string ns_;
  std::string name_;
  std::uint64_t revision_;
  boost::json::value value_;
  mutable std::string text_;
};
using ObjectPtr = std::shared_ptr<const StoredObject>;

// The object with another revision: a removed object is shown as it was, under the revision of its removal.
ObjectPtr at_revision(const ObjectPtr& object, std::uint64_t revision);

struct Change {
  std::uint64_t revision = 0;
  std::string bucket;
  ObjectPtr before;  // null: added
  ObjectPtr after;   // null: removed
  ObjectPtr last;    // of a removal: `before` at this revision
};
using ChangePtr = std::shared_ptr<const Change>;

// Belongs to one thread.
class Store {
 public:
  // Objects of one bucket by "namespace/name" ("name" for cluster-scoped ones), which is their order in
  // lists.
  using Objects = std::map<std::string, ObjectPtr, std::less<>>;

  explicit Store(std::size_t max_history) : max_history_(max_history) {}

  // Called for every change, after it has happened, in order.
  void observe(std::function<void(const ChangePtr&)> observer) { observers_.push_back(std::move(observer)); }

  ObjectPtr find(std::string_view bucket, std::string_view ns, std::string_view name) const;
  const Objects& objects(std::string_view bucket) const;
  // The bucket as it was at `revision`; nothing when that has been compacted away or has not happened yet.
  std::optional<Objects> objects_at(std::string_view bucket, std::uint64_t revision) const;

  // Writes an object (one with a metadata object) under the next revision, stored in its
  // metadata.resourceVersion.
  ObjectPtr put(std::string_view bucket, std::string_view ns, std::string_view name, boost::json::value value);
  // Removes an existing object; returns it as it was, under the revision of the removal.
  ObjectPtr remove(std::string_view bucket, std::string_view ns, std::string_view name);

  std::uint64_t revision() const { return revision_; }
  // Changes up to this revision are forgotten.
  std::uint64_t compacted_revision() const { return compacted_; }
  // Changes of one bucket with a revision greater than `after` (at least compacted_revision()), oldest first.
  std::vector<ChangePtr> changes_after(std::string_view bucket, std::uint64_t after) const;
  void compact();
  std::size_t size() const { return size_; }
  // Buckets that hold objects.
  std::vector<std::string> buckets() const;

  // Rebuilding from a journal, before observers are added: the same change under its old revision.
  void replay(std::uint64_t revision, std::string_view bucket, std::string_view ns, std::string_view name,
              std::optional<boost::json::value> value);
  void replay_position(std::uint64_t revision, std::uint64_t compacted);

 private:
  static std::string key_of(std::string_view ns, std::string_view name);
  ObjectPtr change(std::uint64_t revision, std::string_view bucket, std::string_view ns, std::string_view name,
                   std::optional<boost::json::value> value);

  std::size_t max_history_;
  std::map<std::string, Objects, std::less<>> buckets_;
  std::deque<ChangePtr> history_;
  std::uint64_t revision_ = 1;  // as of an empty etcd
  std::uint64_t compacted_ = 0;
  std::size_t size_ = 0;
  std::vector<std::function<void(const ChangePtr&)>> observers_;
};

}  // namespace podid::lab::apiserver
