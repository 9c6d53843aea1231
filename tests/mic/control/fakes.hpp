// SPDX-License-Identifier: Apache-2.0
// The controller's two neighbours in memory, for histories that a network would make slow: AzureAssignedIdentities with
// versions, finalizers and a watch, and VMs with identities. Not imitated: other kinds, authorization, throttling headers.
#pragma once
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "mic/control/assigned_api.hpp"
#include "mic/machines/identity_api.hpp"

namespace podid::test {

// Every call takes one turn of the event loop at least. Events of the watch wait until deliver() is called.
class FakeAssignedApi final : public mic::AssignedApi {
 public:
  using Object = std::shared_ptr<const Assigned>;
  struct WatchEvent {
    bool deleted;
    Object object;
  };

  base::Task<base::Result<Assigned>> create(Assigned wanted) override;
  base::Task<base::Result<Assigned>> replace(Assigned stored, Assigned wanted) override;
  base::Task<base::Result<Assigned>> update_status(Assigned stored, Assigned wanted) override;
  base::Task<base::Result<std::optional<Assigned>>> take_finalizer(Assigned stored, std::string status) override;
  base::Task<base::Result<std::optional<Assigned>>> remove(Assigned stored) override;

  // What a user does with kubectl.
  void put_by_hand(Assigned object);
  void delete_by_hand(const std::string& key);
  void edit_by_hand(const std::string& key, const std::function<void(Assigned&)>& edit);

  const std::map<std::string, Object>& objects() const { return objects_; }
  // "name: status" of each object, for comparison as a whole.
  std::vector<std::string> states() const;
  std::optional<WatchEvent> next_event();

  // Called with the verb and the object's name before each write; an error is answered in its place.
  std::function<std::optional<base::Error>(std::string_view verb, const std::string& name)> before_write;
  int writes = 0;                    // successful ones
  std::vector<std::string> history;  // "verb name status"

 private:
  std::optional<base::Error> refuse(std::string_view verb, const Assigned& object);
  base::Result<Object> current(const Assigned& stored) const;
  Assigned store(Assigned object);
  void drop(const std::string& key);
  void count(std::string_view verb, const Assigned& object);

  std::map<std::string, Object> objects_;
  std::deque<WatchEvent> events_;
  int version_ = 100;
  int uid_ = 0;
};

// VMs and scale sets by the key of their resource. An unknown one is made when it is first asked for.
class FakeAzure final : public mic::IdentityApi {
 public:
  explicit FakeAzure(base::Executor executor) : executor_(std::move(executor)) {}

  base::Task<azure::UpdateResult> update(azure::AzureResource resource, azure::IdentityChange change) override;

  base::Task<base::Result<std::map<std::string, azure::IdentityState>>> list(azure::AzureResource collection) override;

  // Holds calls from now on until release(), so that a test sees the state in between.
  void hold() { held_ = true; }
  void release();

  std::map<std::string, std::set<std::string>> attached;  // by resource key, lower case
  std::map<std::string, std::string> client_ids;          // by identity, lower case; of others none is told
  std::set<std::string> refused;                          // identities that Azure does not accept
  std::set<std::string> stuck;                            // identities that Azure does not take off
  std::set<std::string> gone;                             // resources that do not exist
  std::optional<base::Error> failure;                     // of every call, before anything is changed
  bool client_ids_unread = false;                         // after a change they cannot be asked for
  std::optional<base::Error> list_failure;
  std::set<std::string> unlisted;  // resources that lists leave out
  int calls = 0;
  int lists = 0;
  int patches = 0;  // calls that changed something

 private:
  azure::UserIdentity details(const std::string& identity) const;

  base::Executor executor_;
  bool held_ = false;
  std::vector<std::shared_ptr<base::SteadyTimer>> waiting_;
};

base::Error make_error(base::ErrorKind kind, std::string message);

}  // namespace podid::test
