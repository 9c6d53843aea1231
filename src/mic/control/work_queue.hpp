// SPDX-License-Identifier: Apache-2.0
// Which pod to look at next: a queue of keys without duplicates, fair between nodes, with a limit for each.
#pragma once
#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace podid::mic {

// Pods that wait for an identity come before those whose identity is taken away: a pod replaced in a busy cluster must not
// wait behind a thousand deletions.
enum class Lane { urgent, background };

// Promises: a key is handed out to one taker at a time; a key added while it is worked on is handed out again after
// done(); of the groups (one per VM or scale set) that have work, each gets its turn, and none has more than
// `per_group` keys in work. At least every eighth key comes from the background lane while that has any. Not thread-safe.
class WorkQueue {
 public:
  struct Limits {
    std::size_t per_group;
    std::size_t total;
  };
  explicit WorkQueue(Limits limits) : limits_(limits) {}

  // Adding a waiting key again does nothing, except that `urgent` moves it up.
  void add(const std::string& key, const std::string& group, Lane lane);
  // Adds the key (to its group of then) once `when` has come. The earliest time counts. Any add() before makes it moot.
  void add_at(const std::string& key, const std::string& group, base::SteadyTime when);
  // The next key, now in work until done(key). Nothing when no key waits or the limits are reached.
  std::optional<std::string> pop();
  void done(const std::string& key);

  // Moves delayed keys whose time has come to the background lane.
  void release_due(base::SteadyTime now);
  std::optional<base::SteadyTime> next_due() const;

  // Whether keys of the group are in work or wait in the urgent lane.
  bool busy(const std::string& group) const;
  std::size_t waiting() const { return waiting_; }
  std::size_t in_work() const { return in_work_; }
  std::size_t delayed() const { return delayed_.size(); }
  bool idle() const { return waiting_ == 0 && in_work_ == 0; }

 private:
  struct Item {
    std::string group;
    Lane lane = Lane::urgent;
    bool waiting = false;
    bool in_work = false;
    bool again = false;  // added while in work
    std::string again_group;
    Lane again_lane = Lane::urgent;
    std::optional<base::SteadyTime> due;
  };
  struct Group {
    std::array<std::deque<std::string>, 2> lanes;  // may hold keys that have moved to the other lane since
    std::array<bool, 2> in_rotation{};
    std::size_t in_work = 0;
  };

  void offer(const std::string& name, Group& group);
  std::optional<std::string> pop_from(Lane lane);
  void forget_delay(Item& item, const std::string& key);
  void drop_if_unused(const std::string& key);
  void drop_group_if_unused(const std::string& name);

  Limits limits_;
  std::unordered_map<std::string, Item> items_;
  std::unordered_map<std::string, Group> groups_;
  std::array<std::deque<std::string>, 2> rotation_;  // names of groups that may have a key to give, per lane
  std::set<std::pair<base::SteadyTime, std::string>> delayed_;
  std::size_t waiting_ = 0;
  std::size_t in_work_ = 0;
  unsigned pops_ = 0;
};

}  // namespace podid::mic
