// SPDX-License-Identifier: Apache-2.0
// Those objects of a collection that somebody wants, always current, at the cost of them and not of the collection.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/async.hpp"
#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log_budget.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/reflector.hpp"

namespace podid::kube {

// Receives what is wanted; on the executor, one call at a time.
class WantedSink {
 public:
  virtual ~WantedSink() = default;
  // A state of a wanted object. The same one may come again.
  virtual void object_is(const ObjectKey& key, json::value object) = 0;
  // A wanted object of which there was a state is gone, or is wanted no more.
  virtual void object_gone(const ObjectKey& key) = 0;
  // What is wanted under `want` is known for the first time: what has not come does not exist.
  virtual void known(const ObjectKey& want) = 0;
  // What is wanted under `want` cannot be read, and nobody waits for it any more: what was told of it may be true no longer.
  // When it can be read after all, its states come again, and known().
  virtual void unreadable(const ObjectKey& want) = 0;
  // The watch has begun, or begun anew.
  virtual void begun() = 0;
};

struct WantedObjectsOptions {
  ResourceType type = {};
  std::uint32_t readers = 4;  // requests at once
  std::chrono::seconds request_timeout{60};
  // What the server has not given for so long although it was heard on the watch is unreadable. What it refuses is so at once.
  std::chrono::seconds patience{60};
  // Of each want for itself, so that none waits for another.
  base::BackoffOptions backoff{.initial = std::chrono::milliseconds(500), .limit = std::chrono::seconds(30)};
};

// One watch of the whole collection, begun without a list: of an event that nobody wants only the key is looked at. What is
// wanted is read once, by GET, or by a list where all of a namespace is wanted, and again whenever events may have been
// missed (410, a server that went back). Meanwhile it stays as it was: last_contact() says since when. An older state never
// follows a later one. What cannot be read is tried again for ever, and holds nothing else up: see unreadable().
//
// Belongs to the client's executor; client and sink outlive it. Call stop() and await it before the destructor.
class WantedObjects final : private ReflectorSink {
 public:
  WantedObjects(Client& client, WantedObjectsOptions options, WantedSink& sink);

  void start() { reflector_.start(); }
  base::Task<> stop();

  // Wants one object, or with an empty name all of a namespace; counted. Nobody wants both a namespace and objects of it.
  // True: it was not wanted before, and is unknown until the sink hears known().
  bool want(const ObjectKey& key);
  // Takes one want back. True: it was the last. The sink has heard what is gone with it.
  bool unwant(const ObjectKey& key);
  std::size_t wanted() const { return wants_.size(); }

  // The watch has begun, and everything wanted is known or unreadable.
  bool synced() const { return reflector_.synced() && unknown_ == 0; }
  // Up to when what is known, and not unreadable, was heard to be true; null time before the first contact.
  base::SteadyTime last_contact() const;
  // Why the objects cannot be followed at the moment; nothing while all is well.
  const std::optional<base::Error>& last_error() const { return read_error_ ? read_error_ : reflector_.last_error(); }
  const Reflector& reflector() const { return reflector_; }
  std::uint64_t reads() const { return reads_; }  // GETs and lists that have succeeded

 private:
  struct Want {
    std::uint32_t count = 0;
    bool known = false;                    // the sink was told so
    bool unreadable = false;               // and so
    bool read = false;                     // since the watch began
    std::uint64_t attempt = 0;             // the read under way, or the pause before the next; 0: none
    std::string floor;                     // what events up to this version tell was known to the read
    std::optional<base::Backoff> backoff;  // while it fails
    base::SteadyTime failing_since{};

    bool unknown() const { return !known && !unreadable; }
    bool unread() const { return !read && !unreadable; }
  };
  using Wants = std::map<ObjectKey, Want>;
  struct State {
    bool present = false;
    std::string version;  // since the watch began; empty: none was seen
  };
  using States = std::map<ObjectKey, State>;

  void list_begin() override;
  void list_item(json::value object) override;
  void list_end() override;
  void watch_event(WatchEvent event) override;

  Wants::iterator want_of(const ObjectKey& key);
  std::pair<States::iterator, States::iterator> states_of(const ObjectKey& want);
  void take(json::value object);
  void deleted(const ObjectKey& key, bool being_read, std::string version);
  // Whether the answer that tells of `want` knew of what an event tells.
  static bool is_behind(const Want& want, std::string_view version);
  template <class Change>
  void change(Want& want, Change apply);
  void queue(const ObjectKey& want);
  base::Task<> read_queued();
  base::Task<> queue_later(ObjectKey want, std::uint64_t attempt, base::Duration pause);
  base::Task<base::Result<>> read_object(ObjectKey want, std::uint64_t attempt);
  base::Task<base::Result<>> read_absent(ObjectKey want, std::uint64_t attempt);
  base::Task<base::Result<>> read_namespace(ObjectKey want, std::uint64_t attempt);
  // Whether an answer still says something: no other read was begun for the want, and no event was missed since.
  bool current(const ObjectKey& want, std::uint64_t attempt) const;
  void done(const ObjectKey& want);
  void failed(const ObjectKey& want, const base::Error& error);
  void recovered(Want& want);

  // constant
  Client& client_;
  const WantedObjectsOptions options_;
  WantedSink& sink_;
  // state
  Wants wants_;
  States states_;  // of wanted objects: what the sink was told, and while they are read also which are deleted
  std::deque<ObjectKey> queue_;  // to be read
  std::uint32_t reading_ = 0;
  std::size_t unknown_ = 0;  // wants
  std::size_t unread_ = 0;   // wants, since the watch began
  std::size_t failing_ = 0;  // wants
  std::uint64_t next_attempt_ = 1;
  std::uint64_t reads_ = 0;
  base::SteadyTime contact_before_{};
  std::optional<base::SteadyTime> behind_since_;
  std::optional<base::Error> read_error_;  // the last, while any want fails
  base::LogBudget log_budget_;
  Reflector reflector_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::kube
