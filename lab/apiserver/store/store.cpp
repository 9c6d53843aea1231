// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/store.hpp"

#include <algorithm>

#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {

StoredObject::StoredObject(std::string ns, std::string name, std::uint64_t revision, json::value value)
    : ns_(std::move(ns)), name_(std::move(name)), revision_(revision), value_(std::move(value)) {}

std::string_view StoredObject::uid() const { return text_at(value_, {"metadata", "uid"}); }

const std::string& StoredObject::text() const {
  if (text_.empty()) text_ = json::serialize(value_);
  return text_;
}

ObjectPtr at_revision(const ObjectPtr& object, std::uint64_t revision) {
  json::value value = object->value();
  value.get_object()["metadata"].get_object()["resourceVersion"] = std::to_string(revision);
  return std::make_shared<const StoredObject>(object->ns(), object->name(), revision, std::move(value));
}

std::string Store::key_of(std::string_view ns, std::string_view name) {
  std::string key(ns);
  if (!ns.empty()) key += '/';
  key += name;
  return key;
}

const Store::Objects& Store::objects(std::string_view bucket) const {
  static const Objects none;
  const auto found = buckets_.find(bucket);
  return found == buckets_.end() ? none : found->second;
}

ObjectPtr Store::find(std::string_view bucket, std::string_view ns, std::string_view name) const {
  const Objects& all = objects(bucket);
  const auto found = all.find(key_of(ns, name));
  return found == all.end() ? nullptr : found->second;
}

std::optional<Store::Objects> Store::objects_at(std::string_view bucket, std::uint64_t revision) const {
  if (revision > revision_ || revision < compacted_) return std::nullopt;
  Objects all = objects(bucket);
  // Undo what happened since, newest first.
  for (auto change = history_.rbegin(); change != history_.rend() && (*change)->revision > revision; ++change) {
    if ((*change)->bucket != bucket) continue;
    const ObjectPtr& any = (*change)->before ? (*change)->before : (*change)->after;
    const std::string key = key_of(any->ns(), any->name());
    if ((*change)->before) {
      all[key] = (*change)->before;
    } else {
      all.erase(key);
    }
  }
  return all;
}

ObjectPtr Store::change(std::uint64_t revision, std::string_view bucket, std::string_view ns, std::string_view name,
                        std::optional<json::value> value) {
  auto at = buckets_.find(bucket);
  if (at == buckets_.end()) at = buckets_.emplace(bucket, Objects{}).first;
  Objects& all = at->second;
  auto made = std::make_shared<Change>();
  made->revision = revision;
  made->bucket = bucket;
  std::string key = key_of(ns, name);
  const auto existing = all.find(key);
  if (existing != all.end()) made->before = existing->second;
  if (value) {
    value->get_object()["metadata"].get_object()["resourceVersion"] = std::to_string(revision);
    made->after = std::make_shared<const StoredObject>(std::string(ns), std::string(name), revision, std::move(*value));
    all[std::move(key)] = made->after;
  } else if (existing != all.end()) {
    made->last = at_revision(made->before, revision);
    all.erase(existing);
  }
  size_ += (made->before ? 0 : 1);
  size_ -= (made->after ? 0 : 1);
  revision_ = revision;
  history_.push_back(made);
  while (history_.size() > max_history_) {
    compacted_ = history_.front()->revision;
    history_.pop_front();
  }
  for (const auto& observer : observers_) observer(made);
  return made->after ? made->after : made->last;
}

ObjectPtr Store::put(std::string_view bucket, std::string_view ns, std::string_view name, json::value value) {
  return change(revision_ + 1, bucket, ns, name, std::move(value));
}

ObjectPtr Store::remove(std::string_view bucket, std::string_view ns, std::string_view name) {
  return change(revision_ + 1, bucket, ns, name, std::nullopt);
}

std::vector<ChangePtr> Store::changes_after(std::string_view bucket, std::uint64_t after) const {
  const auto first =
      std::ranges::upper_bound(history_, after, {}, [](const ChangePtr& change) { return change->revision; });
  std::vector<ChangePtr> out;
  std::copy_if(first, history_.end(), std::back_inserter(out),
               [&](const ChangePtr& change) { return change->bucket == bucket; });
  return out;
}

void Store::compact() {
  history_.clear();
  compacted_ = revision_;
}

std::vector<std::string> Store::buckets() const {
  std::vector<std::string> out;
  for (const auto& [bucket, objects] : buckets_) {
    if (!objects.empty()) out.push_back(bucket);
  }
  return out;
}

void Store::replay(std::uint64_t revision, std::string_view bucket, std::string_view ns, std::string_view name,
                   std::optional<json::value> value) {
  if (!value && find(bucket, ns, name) == nullptr) return;
  change(revision, bucket, ns, name, std::move(value));
}

void Store::replay_position(std::uint64_t revision, std::uint64_t compacted) {
  revision_ = std::max(revision_, revision);
  compacted_ = std::max(compacted_, compacted);
  while (!history_.empty() && history_.front()->revision <= compacted_) history_.pop_front();
}

}  // namespace podid::lab::apiserver
