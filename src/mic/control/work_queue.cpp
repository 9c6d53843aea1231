// SPDX-License-Identifier: Apache-2.0
#include "mic/control/work_queue.hpp"

#include <utility>

namespace podid::mic {
namespace {
constexpr unsigned kBackgroundTurn = 8;
constexpr std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }
}  // namespace

void WorkQueue::add(const std::string& key, const std::string& group, Lane lane) {
  Item& item = items_[key];
  forget_delay(item, key);
  if (item.in_work) {
    item.again_lane = item.again ? std::min(item.again_lane, lane) : lane;
    item.again_group = group;
    item.again = true;
    return;
  }
  if (item.waiting && item.lane <= lane) return;
  if (item.waiting) {
    // Moves up within its group; the entry in the lower lane is skipped when its turn comes.
    item.lane = lane;
  } else {
    item.waiting = true;
    item.group = group;
    item.lane = lane;
    ++waiting_;
  }
  Group& target = groups_[item.group];
  target.lanes[index_of(lane)].push_back(key);
  offer(item.group, target);
}

void WorkQueue::add_at(const std::string& key, const std::string& group, base::SteadyTime when) {
  Item& item = items_[key];
  if (item.waiting || item.again) return;
  if (item.due && *item.due <= when) return;
  forget_delay(item, key);
  if (!item.in_work) item.group = group;
  item.again_group = group;
  item.due = when;
  delayed_.emplace(when, key);
}

std::optional<std::string> WorkQueue::pop() {
  if (in_work_ >= limits_.total || waiting_ == 0) return std::nullopt;
  const bool background_first = ++pops_ % kBackgroundTurn == 0;
  const Lane first = background_first ? Lane::background : Lane::urgent;
  std::optional<std::string> key = pop_from(first);
  if (!key) key = pop_from(background_first ? Lane::urgent : Lane::background);
  return key;
}

std::optional<std::string> WorkQueue::pop_from(Lane lane) {
  const std::size_t l = index_of(lane);
  while (!rotation_[l].empty()) {
    const std::string name = std::move(rotation_[l].front());
    rotation_[l].pop_front();
    const auto found = groups_.find(name);
    if (found == groups_.end()) continue;
    Group& group = found->second;
    group.in_rotation[l] = false;
    if (group.in_work >= limits_.per_group) continue;  // done() offers it again
    while (!group.lanes[l].empty()) {
      std::string key = std::move(group.lanes[l].front());
      group.lanes[l].pop_front();
      const auto at = items_.find(key);
      if (at == items_.end() || !at->second.waiting || at->second.lane != lane || at->second.group != name) continue;
      at->second.waiting = false;
      at->second.in_work = true;
      --waiting_;
      ++in_work_;
      ++group.in_work;
      offer(name, group);
      return key;
    }
    drop_group_if_unused(name);
  }
  return std::nullopt;
}

void WorkQueue::done(const std::string& key) {
  const auto found = items_.find(key);
  if (found == items_.end() || !found->second.in_work) return;
  Item& item = found->second;
  item.in_work = false;
  --in_work_;
  const std::string name = item.group;
  Group& group = groups_[name];
  --group.in_work;
  offer(name, group);
  if (std::exchange(item.again, false)) {
    add(key, std::string(item.again_group), item.again_lane);
  } else if (item.due) {
    item.group = item.again_group;
  } else {
    drop_if_unused(key);
  }
  drop_group_if_unused(name);
}

void WorkQueue::release_due(base::SteadyTime now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const std::string key = delayed_.begin()->second;
    Item& item = items_[key];
    const std::string group = item.again_group;
    add(key, group, Lane::background);  // forgets the delay
  }
}

std::optional<base::SteadyTime> WorkQueue::next_due() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

bool WorkQueue::busy(const std::string& group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return false;
  return found->second.in_work > 0 || !found->second.lanes[index_of(Lane::urgent)].empty();
}

void WorkQueue::offer(const std::string& name, Group& group) {
  if (group.in_work >= limits_.per_group) return;
  for (std::size_t l = 0; l < group.lanes.size(); ++l) {
    if (group.lanes[l].empty() || group.in_rotation[l]) continue;
    group.in_rotation[l] = true;
    rotation_[l].push_back(name);
  }
}

void WorkQueue::forget_delay(Item& item, const std::string& key) {
  if (!item.due) return;
  delayed_.erase({*item.due, key});
  item.due.reset();
}

void WorkQueue::drop_if_unused(const std::string& key) {
  const auto found = items_.find(key);
  if (found == items_.end()) return;
  const Item& item = found->second;
  if (!item.waiting && !item.in_work && !item.due) items_.erase(found);
}

void WorkQueue::drop_group_if_unused(const std::string& name) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return;
  const Group& group = found->second;
  if (group.in_work == 0 && group.lanes[0].empty() && group.lanes[1].empty()) groups_.erase(found);
}

}  // namespace podid::mic
