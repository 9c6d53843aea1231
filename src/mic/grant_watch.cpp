// SPDX-License-Identifier: Apache-2.0
#include "mic/grant_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/grants_json.hpp"
#include "kube/decoded.hpp"
#include "mic/limits.hpp"

namespace podid::mic {
namespace json = kube::json;
namespace {

base::Result<SeenGrant> decode_grant(const json::value& object) {
  auto grant = kube::decoded(core::read_azure_identity_grant(object));
  if (!grant) return std::unexpected(grant.error());
  SeenGrant seen;
  seen.grant = std::move(*grant);
  seen.generation = base::integer_at(object, {"metadata", "generation"});
  for (const std::string_view name : {"phase", "activeFrom", "expiresAt", "approvedBy"}) {
    if (const json::value* said = base::find_path(object, {"status", name})) seen.status[name] = *said;
  }
  return seen;
}

template <class T>
kube::InformerHandlers<T> handlers(std::function<void(const T&)> put, std::function<void(const T&)> erase) {
  using Object = std::shared_ptr<const T>;
  return {.on_added = [put](const Object& now) { put(*now); },
          .on_updated = [put](const Object&, const Object& now) { put(*now); },
          .on_deleted = [erase](const Object& last) { erase(*last); },
          .on_synced = {},
          .on_invalid = {}};
}

kube::ReflectorOptions watch_of(kube::ResourceType type) { return {.type = type}; }

// Or known to be unreadable: a kind that is not there (an older installation), no right to read it.
bool is_settled(const kube::Reflector& reflector) {
  if (reflector.synced()) return true;
  const auto& error = reflector.last_error();
  return error && (error->kind == base::ErrorKind::not_found || error->kind == base::ErrorKind::denied);
}

}  // namespace

GrantWatch::GrantWatch(kube::Client& client, GrantWatchHandlers told)
    : client_(client),
      handlers_(std::move(told)),
      grants_(client, watch_of(kube::kAzureIdentityGrants), decode_grant,
              handlers<SeenGrant>([this](const SeenGrant& now) { handlers_.put_grant(now); },
                                  [this](const SeenGrant& last) { handlers_.erase_grant(last); })),
      approvals_(
          client, watch_of(kube::kAzureIdentityGrantApprovals),
          [](const json::value& object) { return kube::decoded(core::read_azure_identity_grant_approval(object)); },
          handlers<core::AzureIdentityGrantApproval>(
              [this](const core::AzureIdentityGrantApproval& now) { handlers_.put_approval(now); },
              [this](const core::AzureIdentityGrantApproval& last) { handlers_.erase_approval(last); })),
      alarm_(client.executor(), client.clock(), [this] { look(); }),
      tasks_(client.executor()) {
  for (const std::string_view name : core::kGrantPolicies) {
    policies_.push_back(make_policy(kube::kValidatingAdmissionPolicies, name));
    policies_.push_back(make_policy(kube::kValidatingAdmissionPolicyBindings, name));
  }
}

std::unique_ptr<GrantWatch::Policy> GrantWatch::make_policy(kube::ResourceType type, std::string_view name) {
  kube::ReflectorOptions options{.type = type};
  options.field_selector = fmt::format("metadata.name={}", name);
  const bool is_policy = type.plural == kube::kValidatingAdmissionPolicies.plural;
  auto changed = [this](const core::GrantPolicyObject&) { judge_policies(); };
  return std::make_unique<Policy>(
      client_, std::move(options),
      [is_policy](const json::value& object) {
        return kube::decoded(is_policy ? core::read_grant_policy(object) : core::read_grant_policy_binding(object));
      },
      handlers<core::GrantPolicyObject>(changed, changed));
}

void GrantWatch::start() {
  if (std::exchange(started_, true)) return;
  since_ = client_.clock().steady_now();
  grants_.start();
  approvals_.start();
  for (const auto& policy : policies_) policy->start();
  alarm_.set(since_ + kGrantLook);
}

// Not before all have been heard of: half of them would be taken for a hole.
void GrantWatch::judge_policies() {
  if (!known_) return;
  std::vector<core::GrantPolicyObject> objects;
  for (const auto& policy : policies_) {
    policy->for_each(
        [&objects](const std::shared_ptr<const core::GrantPolicyObject>& object) { objects.push_back(*object); });
  }
  handlers_.put_policies(core::judge_grant_policies(objects));
}

void GrantWatch::look() {
  const base::SteadyTime now = client_.clock().steady_now();
  if (!known_) {
    const bool settled = is_settled(grants_.reflector()) && is_settled(approvals_.reflector()) &&
                         std::ranges::all_of(policies_, [](const auto& p) { return is_settled(p->reflector()); });
    if (settled || now - since_ >= kGrantPatience) {
      known_ = true;
      judge_policies();
      handlers_.known();
    }
  } else if (writing_) {
    remove_orphans();
  }
  alarm_.set(now + kGrantLook);
}

// An approval whose grant is gone approves nothing, and nobody else may delete it (deploy/policies/grants.yaml).
void GrantWatch::remove_orphans() {
  const auto is_current = [](const kube::Reflector& reflector) {
    return reflector.synced() && !reflector.last_error();
  };
  if (!is_current(grants_.reflector()) || !is_current(approvals_.reflector())) return orphans_.clear();
  const base::SteadyTime now = client_.clock().steady_now();
  std::map<std::string, base::SteadyTime> still;
  approvals_.for_each([&](const std::shared_ptr<const core::AzureIdentityGrantApproval>& approval) {
    const auto grant = grants_.find(approval->meta.ns, approval->grant);
    if (approval->meta.deleting() || (grant && grant->grant.meta.uid == approval->grant_uid)) return;
    const auto before = orphans_.find(approval->meta.uid);
    const base::SteadyTime since = before == orphans_.end() ? now : before->second;
    if (now - since < kOrphanAge) {
      still.emplace(approval->meta.uid, since);
    } else if (tasks_.size() < kMostOrphansAtOnce) {
      tasks_.spawn("approval without a grant", remove(*approval));
    }
  });
  orphans_ = std::move(still);
}

base::Task<> GrantWatch::remove(core::AzureIdentityGrantApproval approval) {
  kube::RemoveOptions options;
  options.uid = approval.meta.uid;
  const kube::ObjectKey key{.ns = approval.meta.ns, .name = approval.meta.name};
  const net::Deadline deadline = net::Deadline::in(client_.clock(), kube::kWriteTimeout);
  auto removed = co_await client_.remove(kube::kAzureIdentityGrantApprovals, key, std::move(options), deadline);
  if (!removed && removed.error().kind != base::ErrorKind::not_found) {
    base::log::debug("an approval without a grant cannot be deleted",
                     {{"approval", approval.meta.key().text()}, {"error", removed.error()}});
  }
}

base::Task<> GrantWatch::stop() {
  alarm_.set(std::nullopt);
  if (started_) {
    co_await grants_.stop();
    co_await approvals_.stop();
    for (const auto& policy : policies_) co_await policy->stop();
  }
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace podid::mic
