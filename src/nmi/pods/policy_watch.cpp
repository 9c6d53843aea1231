// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/policy_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/decoded.hpp"

namespace podid::nmi {
namespace {

kube::ReflectorOptions the_policy() {
  kube::ReflectorOptions options{.type = kube::kAzureIdentityPolicies};
  options.field_selector = fmt::format("metadata.name={}", core::kIdentityPolicyName);
  return options;
}

}  // namespace

PolicyWatch::PolicyWatch(kube::Client& client, Handlers handlers)
    : handlers_(std::move(handlers)),
      policy_(client, the_policy(),
              [](const kube::json::value& object) { return kube::decoded(core::IdentityPolicy::read(object)); },
              {.on_added = [this](const auto& policy) { set_policy(policy); },
               .on_updated = [this](const auto&, const auto& policy) { set_policy(policy); },
               .on_deleted = [this](const auto&) { set_policy(nullptr); },
               .on_synced = [this] { handlers_.on_synced(); },
               .on_invalid =
                   [this](const kube::ObjectKey& key, const base::Error& error) {
                     const bool is_news = now_.set_unreadable(error.message);
                     handlers_.on_invalid(kube::kAzureIdentityPolicies.plural, key, error);
                     if (is_news) changed();
                   }}),
      namespaces_(client, {.type = kube::kNamespaces}, *this) {}

base::Task<> PolicyWatch::stop() {
  co_await policy_.stop();
  co_await namespaces_.stop();
}

std::shared_ptr<const core::IdentityPermissions> PolicyWatch::permissions() const {
  if (!published_) published_ = std::make_shared<const core::IdentityPermissions>(now_);
  return published_;
}

void PolicyWatch::set_policy(std::shared_ptr<const core::IdentityPolicy> policy) {
  if (!now_.set_policy(std::move(policy))) return;
  follow_namespaces();
  changed();
}

void PolicyWatch::want(std::set<std::string> namespaces) {
  if (namespaces == matter_) return;
  matter_ = std::move(namespaces);
  follow_namespaces();
}

void PolicyWatch::follow_namespaces() {
  const std::set<std::string> wanted = now_.goes_by_labels() ? matter_ : std::set<std::string>();
  if (!wanted.empty() && !std::exchange(following_, true)) namespaces_.start();
  for (const std::string& ns : wanted) {
    if (!wanted_.contains(ns)) namespaces_.want({.ns = {}, .name = ns});
  }
  for (const std::string& ns : std::exchange(wanted_, wanted)) {
    if (!wanted.contains(ns)) namespaces_.unwant({.ns = {}, .name = ns});
  }
}

void PolicyWatch::object_is(const kube::ObjectKey& key, kube::json::value object) {
  auto labels = kube::decoded(core::read_policy_labels(object));
  if (!labels) {
    handlers_.on_invalid(kube::kNamespaces.plural, key, labels.error());
    object_gone(key);
    return;
  }
  if (now_.put_namespace(std::move(*labels))) changed();
}

void PolicyWatch::object_gone(const kube::ObjectKey& key) {
  if (now_.erase_namespace(key.name)) changed();
}

base::SteadyTime PolicyWatch::last_contact() const {
  const base::SteadyTime of_policy = policy_.reflector().last_contact();
  return wanted_.empty() || !namespaces_.synced() ? of_policy : std::min(of_policy, namespaces_.last_contact());
}

std::optional<base::Error> PolicyWatch::last_error() const {
  if (const auto& error = policy_.reflector().last_error()) return error;
  return following_ ? namespaces_.last_error() : std::nullopt;
}

void PolicyWatch::changed() {
  published_ = nullptr;
  handlers_.on_change();
}

}  // namespace podid::nmi
