// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/grant_policy_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/decoded.hpp"

namespace podid::nmi {
namespace {

using Object = core::GrantPolicyObject;

}  // namespace

GrantPolicyWatch::GrantPolicyWatch(kube::Client& client, std::function<void()> on_change) {
  const auto follow = [&](const kube::ResourceType& type, std::string_view name,
                          core::Read<Object> (*read)(const boost::json::value&)) {
    kube::ReflectorOptions options{.type = type};
    options.field_selector = fmt::format("metadata.name={}", name);
    informers_.push_back(std::make_unique<Informer>(
        client, std::move(options), [read](const boost::json::value& object) { return kube::decoded(read(object)); },
        kube::InformerHandlers<Object>{.on_added = [on_change](const auto&) { on_change(); },
                                       .on_updated = [on_change](const auto&, const auto&) { on_change(); },
                                       .on_deleted = [on_change](const auto&) { on_change(); },
                                       .on_synced = on_change,
                                       .on_invalid = {}}));
  };
  for (const std::string_view name : core::kGrantPolicies) {
    follow(kube::kValidatingAdmissionPolicies, name, core::read_grant_policy);
    follow(kube::kValidatingAdmissionPolicyBindings, name, core::read_grant_policy_binding);
  }
}

void GrantPolicyWatch::start() {
  if (std::exchange(started_, true)) return;
  for (const auto& informer : informers_) informer->start();
}

base::Task<> GrantPolicyWatch::stop() {
  for (const auto& informer : informers_) {
    co_await informer->stop();
  }
}

core::GrantPolicies GrantPolicyWatch::policies() const {
  if (!std::ranges::all_of(informers_, [](const auto& informer) { return informer->synced(); })) {
    core::GrantPolicies unknown;
    if (const auto error = last_error()) {
      unknown.problem = "the admission policies that guard grants cannot be read: " + error->message;
    }
    return unknown;
  }
  std::vector<Object> objects;
  for (const auto& informer : informers_) {
    informer->for_each([&objects](const auto& object) { objects.push_back(*object); });
  }
  return core::judge_grant_policies(objects);
}

bool GrantPolicyWatch::settled() const {
  return std::ranges::all_of(informers_, [](const auto& informer) {
    return informer->synced() || informer->reflector().last_error().has_value();
  });
}

std::optional<base::Error> GrantPolicyWatch::last_error() const {
  for (const auto& informer : informers_) {
    if (const auto& error = informer->reflector().last_error()) return error;
  }
  return std::nullopt;
}

}  // namespace podid::nmi
