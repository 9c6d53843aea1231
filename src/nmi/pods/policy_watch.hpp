// SPDX-License-Identifier: Apache-2.0
// Keeps what the AzureIdentityPolicy permits in step with the API server (SEC-10): the one object, and where its rules go by
// labels those of the namespaces that matter here.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/async.hpp"
#include "core/identity_policy.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "kube/wanted_objects.hpp"

namespace podid::nmi {

// The client's executor, the control thread. The client outlives it; await stop() before the destructor.
class PolicyWatch final : private kube::WantedSink {
 public:
  struct Handlers {
    std::function<void()> on_change;  // of permissions()
    std::function<void()> on_synced;  // once
    // An object that cannot be read, of that type.
    std::function<void(std::string_view plural, const kube::ObjectKey& key, const base::Error& error)> on_invalid;
  };

  PolicyWatch(kube::Client& client, Handlers handlers);

  void start() { policy_.start(); }
  base::Task<> stop();

  // As they are now; a change makes others.
  std::shared_ptr<const core::IdentityPermissions> permissions() const;
  // Whose labels may matter: the namespaces of the node's pods and of their identities.
  void want(std::set<std::string> namespaces);

  // Whether there is a policy, and what it says, is known.
  bool synced() const { return policy_.synced(); }
  // Up to when permissions() were heard to be true.
  base::SteadyTime last_contact() const;
  // Why they cannot be followed at the moment; nothing while all is well.
  std::optional<base::Error> last_error() const;

 private:
  void set_policy(std::shared_ptr<const core::IdentityPolicy> policy);
  void changed();
  // The watch of the namespaces runs from the first policy on that goes by labels, and wants none while none does.
  void follow_namespaces();

  void object_is(const kube::ObjectKey& key, kube::json::value object) override;
  void object_gone(const kube::ObjectKey& key) override;
  void unreadable(const kube::ObjectKey& want) override { object_gone(want); }  // a label of before must permit nothing
  void known(const kube::ObjectKey&) override {}  // object_is() has told; what does not exist stays unknown
  void begun() override {}

  const Handlers handlers_;
  core::IdentityPermissions now_;
  mutable std::shared_ptr<const core::IdentityPermissions> published_;
  std::set<std::string> matter_;
  std::set<std::string> wanted_;  // of the watch
  bool following_ = false;
  kube::Informer<core::IdentityPolicy> policy_;
  kube::WantedObjects namespaces_;
};

}  // namespace podid::nmi
