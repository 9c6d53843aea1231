// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/binding_looks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/naming.hpp"
#include "core/model/resources_json.hpp"
#include "kube/json.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kLookTimeout{10};
constexpr std::uint32_t kPage = 500;
// Pods of a node that may wait for theirs: as many as a node mostly has.
constexpr std::size_t kMostWanted = 256;

std::unexpected<base::Error> too_many(const LookKey& key) {
  return base::fail(base::ErrorKind::unsupported,
                    fmt::format("more than {} AzureIdentityBindings have the selector {}", kMostLookedAt, key.label));
}

}  // namespace

BindingLooks::BindingLooks(kube::Client& client, bool only_own_namespace, std::function<void()> on_change)
    : client_(client),
      only_own_namespace_(only_own_namespace),
      on_change_(std::move(on_change)),
      tasks_(client.executor()) {}

base::Task<> BindingLooks::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void BindingLooks::want(LookKey key) {
  if (wanted_.size() >= kMostWanted || std::ranges::find(wanted_, key) != wanted_.end()) return;
  const auto known = looks_->find(key);
  if (known != looks_->end() && client_.clock().steady_now() - known->second->at < kLookAge) return;
  wanted_.push_back(std::move(key));
  if (std::exchange(looking_, true)) return;
  tasks_.spawn("look at bindings", look_at_all());
}

base::Task<> BindingLooks::look_at_all() {
  while (!wanted_.empty()) {
    co_await client_.clock().sleep_until(next_);
    const base::SteadyTime begun = client_.clock().steady_now();
    const LookKey key = wanted_.front();
    base::Result<std::shared_ptr<const Look>> look = co_await look_at(key);
    wanted_.pop_front();
    next_ = begun + std::max<base::Duration>(kLookPause, kLookRest * (client_.clock().steady_now() - begun));
    if (look) {
      put(key, *std::move(look));
    } else if (log_budget_.take(client_.clock().steady_now())) {
      base::log::warning("what is bound to a pod without an assignment is not known",
                         {{"namespace", key.ns}, {"label", key.label}, {"error", look.error()}});
    }
  }
  looking_ = false;
}

base::Task<base::Result<std::shared_ptr<const Look>>> BindingLooks::look_at(const LookKey& key) {
  const net::Deadline deadline = net::Deadline::in(client_.clock(), kLookTimeout);
  auto look = std::make_shared<Look>();
  base::Result<Bindings> bindings = co_await bindings_of(key, deadline);
  if (!bindings) co_return std::unexpected(std::move(bindings.error()));
  for (const auto& binding : *bindings) {
    base::Result<std::shared_ptr<const core::AzureIdentity>> identity = co_await identity_of(*binding, deadline);
    if (!identity) co_return std::unexpected(std::move(identity.error()));
    if (*identity) look->owned_identities.push_back(*std::move(identity));
  }
  look->owned_bindings = *std::move(bindings);
  // What is said of several is said of the last: the pod's own namespace comes last.
  std::ranges::sort(look->owned_bindings, {}, [&key](const auto& binding) {
    return std::tuple(binding->meta.ns == key.ns, binding->meta.ns, binding->meta.name);
  });
  for (const auto& binding : look->owned_bindings) look->bindings.push_back(binding.get());
  for (const auto& identity : look->owned_identities) look->identities.push_back(identity.get());
  look->at = client_.clock().steady_now();
  co_return look;
}

base::Task<base::Result<boost::json::value>> BindingLooks::page_of(const LookKey& key, kube::ListOptions& page,
                                                                   net::Deadline deadline) {
  if (selects_) {
    page.field_selector = "spec.selector=" + key.label;
    base::Result<boost::json::value> list = co_await client_.list(kube::kAzureIdentityBindings, page, deadline);
    if (list || list.error().http_status != 400) co_return list;
    // "field label not supported": the CRD names no such field, or the server is older than that.
    selects_ = false;
    page.field_selector.clear();
  }
  base::Result<boost::json::value> list =
      co_await kube::list_page(client_, kube::kAzureIdentityBindings, page, deadline);
  co_return list;
}

base::Task<base::Result<BindingLooks::Bindings>> BindingLooks::bindings_of(const LookKey& key, net::Deadline deadline) {
  Bindings found;
  kube::ListOptions page;
  if (only_own_namespace_) page.ns = key.ns;
  page.limit = kPage;
  for (;;) {
    base::Result<boost::json::value> list = co_await page_of(key, page, deadline);
    if (!list) co_return std::unexpected(std::move(list.error()));
    const base::Result<std::span<boost::json::value>> items =
        kube::items_of(*list, kube::kAzureIdentityBindings.plural);
    if (!items) co_return std::unexpected(items.error());
    for (const boost::json::value& item : *items) {
      core::Read<core::AzureIdentityBinding> binding = core::read_azure_identity_binding(item);
      if (!binding || binding->selector != key.label) continue;
      if (found.size() == kMostLookedAt) co_return too_many(key);
      found.push_back(std::make_shared<const core::AzureIdentityBinding>(core::trimmed(std::move(*binding))));
    }
    page.continue_token = base::text_at(*list, {"metadata", "continue"});
    if (page.continue_token.empty()) co_return found;
  }
}

base::Task<base::Result<std::shared_ptr<const core::AzureIdentity>>> BindingLooks::identity_of(
    const core::AzureIdentityBinding& binding, net::Deadline deadline) {
  using Found = std::shared_ptr<const core::AzureIdentity>;
  if (!core::is_object_name(binding.azure_identity)) co_return Found();
  const kube::ObjectKey named{binding.meta.ns, binding.azure_identity};
  base::Result<boost::json::value> json = co_await client_.get(kube::kAzureIdentities, named, deadline);
  if (!json && json.error().kind == base::ErrorKind::not_found) co_return Found();
  if (!json) co_return std::unexpected(std::move(json.error()));
  core::Read<core::AzureIdentity> identity = core::read_azure_identity(*json);
  if (!identity) co_return Found();
  co_return std::make_shared<const core::AzureIdentity>(core::trimmed(std::move(*identity)));
}

void BindingLooks::put(const LookKey& key, std::shared_ptr<const Look> look) {
  Looks next = *looks_;
  std::erase_if(next, [&look](const auto& known) { return look->at - known.second->at >= kLookAge + kLookGrace; });
  next[key] = std::move(look);
  looks_ = std::make_shared<const Looks>(std::move(next));
  on_change_();
}

}  // namespace podid::nmi
