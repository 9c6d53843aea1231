// SPDX-License-Identifier: Apache-2.0
// What the controller says of objects in their status, for people: nobody decides by it.
#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/alarm.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log_budget.hpp"
#include "base/task_group.hpp"
#include "core/model/access.hpp"
#include "kube/client.hpp"

namespace podid::mic {

struct Condition {
  std::string type;
  bool holds = false;
  std::string reason;  // one word
  std::string message;
};

// Of the members named here alone; the others are left as they are.
struct ObjectStatus {
  boost::json::object members;  // null: not to be there
  std::optional<Condition> condition;
  std::int64_t observed_generation = 0;
};

// An object of a kind that has a status of its own (a subresource).
struct StatusOwner {
  kube::ResourceType type;
  core::ObjectKey key;
  std::string uid;
};

class StatusApi {
 public:
  virtual ~StatusApi() = default;
  // Merges `status` into the object's; `conflict` where the object is another one by now.
  virtual base::Task<base::Result<>> write(StatusOwner owner, boost::json::object status) = 0;
};

// On the API server. The client outlives it.
class KubeStatusApi final : public StatusApi {
 public:
  explicit KubeStatusApi(kube::Client& client) : client_(client) {}
  base::Task<base::Result<>> write(StatusOwner owner, boost::json::object status) override;

 private:
  kube::Client& client_;
};

// What has to be merged into the status that is known; nothing where it says all that is wanted. `flips`: the condition is
// new, or holds no more, or again. Pure.
struct StatusChange {
  boost::json::object status;
  bool flips = false;
};
std::optional<StatusChange> status_change(const boost::json::object& known, const ObjectStatus& wanted,
                                          core::Instant now);

// One executor. Nothing is written before start(). References outlive it; stop() and await drain() before the destructor.
//
// An object is written at once when its condition flips, otherwise at most every kStatusInterval. A server whose definitions
// have no such status, or that does not let us write it, is not bothered with the object again before it changes.
class StatusWriter {
 public:
  StatusWriter(base::Executor executor, base::Clock& clock, StatusApi& api);

  // What it should say. Replaces what was wanted before.
  void want(const StatusOwner& owner, ObjectStatus wanted);
  // What the watch tells that it says.
  void saw(const StatusOwner& owner, boost::json::object known);
  void erase(kube::ResourceType type, const core::ObjectKey& key);

  void start();
  void stop();
  void cancel() { tasks_.stop(); }
  base::Task<> drain() { return tasks_.join(); }
  bool idle() const { return queue_.empty() && in_work_ == 0; }

 private:
  using Key = std::pair<std::string, core::ObjectKey>;  // plural and object
  struct Entry {
    StatusOwner owner;
    boost::json::object known;
    std::optional<ObjectStatus> wanted;
    base::SteadyTime not_before = base::SteadyTime::min();
    base::Duration pause{0};  // after failures
    bool refused = false;     // there is no use in trying this again
    bool in_work = false;
  };

  static Key key_of(const StatusOwner& owner) { return {std::string(owner.type.plural), owner.key}; }
  Entry& entry_of(const StatusOwner& owner);
  void consider(const Key& key);
  void dispatch();
  base::Task<> write(Key key, StatusOwner owner, boost::json::object status);
  void note_failure(const StatusOwner& owner, Entry& entry, const base::Error& error);

  base::Clock& clock_;
  StatusApi& api_;
  base::LogBudget log_budget_;
  std::map<Key, Entry> entries_;
  std::set<Key> queue_;  // that may have something to be written
  std::size_t in_work_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  base::Alarm alarm_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
