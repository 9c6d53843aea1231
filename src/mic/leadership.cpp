// SPDX-License-Identifier: Apache-2.0
#include "mic/leadership.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/naming.hpp"
#include "core/model/resources_json.hpp"
#include "kube/decoded.hpp"
#include "mic/limits.hpp"

namespace podid::mic {
namespace json = kube::json;
namespace {

// A cluster has many pods: nothing is kept that no rule of ours reads (MIC-26).
base::Result<core::Pod> decode_pod(const json::value& object) {
  auto read = kube::decoded(core::read_pod(object));
  if (!read) return read;
  core::Pod slim;
  slim.name = std::move(read->name);
  slim.ns = std::move(read->ns);
  slim.uid = std::move(read->uid);
  slim.node_name = std::move(read->node_name);
  slim.phase = std::move(read->phase);
  slim.labels.emplace(core::kBindingLabel, read->binding_label());
  return slim;
}

base::Result<core::Node> decode_node(const json::value& object) {
  auto read = kube::decoded(core::read_node(object));
  if (read) read->taints.clear();
  return read;
}

template <class T>
base::Result<T> decode_trimmed(core::Read<T> object) {
  base::Result<T> read = kube::decoded(std::move(object));
  if (read) read = core::trimmed(std::move(*read));
  return read;
}

base::Result<SeenBinding> decode_binding(const json::value& object) {
  auto binding = decode_trimmed(core::read_azure_identity_binding(object));
  if (!binding) return std::unexpected(binding.error());
  SeenBinding seen;
  seen.binding = std::move(*binding);
  seen.generation = base::integer_at(object, {"metadata", "generation"});
  for (const std::string_view name : {"access", "conditions"}) {
    if (const json::value* said = base::find_path(object, {"status", name})) seen.status[name] = *said;
  }
  return seen;
}

StatusOwner owner_of(const SeenBinding& seen) {
  return {.type = kube::kAzureIdentityBindings, .key = seen.binding.meta.key(), .uid = seen.binding.meta.uid};
}

StatusOwner owner_of(const SeenGrant& seen) {
  return {.type = kube::kAzureIdentityGrants, .key = seen.grant.meta.key(), .uid = seen.grant.meta.uid};
}

kube::ReflectorOptions watch_of(kube::ResourceType type, std::string label_selector = {}) {
  kube::ReflectorOptions options;
  options.type = type;
  options.label_selector = std::move(label_selector);
  return options;
}

}  // namespace

Leadership::Leadership(kube::Client& client, kube::EventRecorder& events, MicMetrics& metrics, IdentityApi& identities,
                       ControllerOptions options, base::Random& random, core::ZoneLookup zones, Follow follow)
    : follow_(follow),
      clock_(client.clock()),
      events_(events),
      metrics_(metrics),
      assigned_api_(client),
      controller_(std::move(options), {.executor = client.executor(),
                                       .clock = client.clock(),
                                       .random = random,
                                       .zones = std::move(zones),
                                       .assigned = assigned_api_,
                                       .identities = identities,
                                       .record = [&events](kube::EventKey event) { events.record(std::move(event)); },
                                       .on_access = [this](const core::ObjectKey& binding) { on_access(binding); },
                                       .metrics = metrics}),
      status_api_(client),
      status_(client.executor(), client.clock(), status_api_),
      identities_(
          client, watch_of(kube::kAzureIdentities),
          [](const json::value& object) { return decode_trimmed(core::read_azure_identity(object)); },
          handlers<core::AzureIdentity>(
              kube::kAzureIdentities, [this](const auto& now) { controller_.put(*now); },
              [this](const core::AzureIdentity& last) { controller_.erase_identity(last.meta.key()); })),
      bindings_(client, watch_of(kube::kAzureIdentityBindings), decode_binding,
                handlers<SeenBinding>(
                    kube::kAzureIdentityBindings, [this](const auto& now) { put(*now); },
                    [this](const SeenBinding& last) { erase(last); })),
      nodes_(client, watch_of(kube::kNodes), decode_node,
             handlers<core::Node>(
                 kube::kNodes, [this](const auto& now) { controller_.put(*now); },
                 [this](const core::Node& last) { controller_.erase_node(last.name); })),
      pods_(client, watch_of(kube::kPods, std::string(core::kBindingLabel)), decode_pod,
            handlers<core::Pod>(
                kube::kPods, [this](const auto& now) { controller_.put(now); },
                [this](const core::Pod& last) { controller_.erase_pod(last.key()); })),
      assigned_(client, watch_of(kube::kAzureAssignedIdentities),
                [](const json::value& object) { return kube::decoded(core::read_azure_assigned_identity(object)); },
                // The controller shares these objects with the cache instead of copying them.
                {.on_added = [this](const auto& now) { controller_.put(now); },
                 .on_updated = [this](const auto&, const auto& now) { controller_.put(now); },
                 .on_deleted = [this](const auto& last) { controller_.erase(*last); },
                 .on_synced = [this] { on_synced(); },
                 .on_invalid =
                     [this](const kube::ObjectKey& key, const base::Error& error) {
                       report_invalid(kube::kAzureAssignedIdentities, key, error);
                     }}),
      calendars_(client, [this](const core::ObjectKey& config_map,
                                const ConfigMapTexts& texts) { on_calendar(config_map, texts); }),
      grants_(client, grant_handlers()),
      grants_alarm_(client.executor(), client.clock(), [this] { report_grants(); }) {
  if (controller_.enforces_policy()) follow_policy(client);
}

void Leadership::follow_policy(kube::Client& client) {
  kube::ReflectorOptions the_policy{.type = kube::kAzureIdentityPolicies};
  the_policy.field_selector = fmt::format("metadata.name={}", core::kIdentityPolicyName);
  auto of_policy = handlers<core::IdentityPolicy>(
      kube::kAzureIdentityPolicies, [this](const auto& now) { controller_.put(now); },
      [this](const core::IdentityPolicy&) { controller_.put(std::shared_ptr<const core::IdentityPolicy>()); });
  of_policy.on_invalid = [this](const kube::ObjectKey& key, const base::Error& error) {
    report_invalid(kube::kAzureIdentityPolicies, key, error);
    controller_.put_unreadable_policy(error.message);
  };
  policies_ = std::make_unique<kube::Informer<core::IdentityPolicy>>(
      client, std::move(the_policy),
      [](const json::value& object) { return kube::decoded(core::IdentityPolicy::read(object)); },
      std::move(of_policy));
  namespaces_ = std::make_unique<kube::Informer<core::PolicyLabels>>(
      client, watch_of(kube::kNamespaces),
      [](const json::value& object) { return kube::decoded(core::read_policy_labels(object)); },
      handlers<core::PolicyLabels>(
          kube::kNamespaces, [this](const auto& now) { controller_.put(*now); },
          [this](const core::PolicyLabels& last) { controller_.erase_namespace(last.ns); }));
}

template <class T>
kube::InformerHandlers<T> Leadership::handlers(kube::ResourceType type,
                                               std::function<void(const std::shared_ptr<const T>&)> put,
                                               std::function<void(const T&)> erase) {
  using Object = std::shared_ptr<const T>;
  return {.on_added = put,
          .on_updated = [put](const Object&, const Object& now) { put(now); },
          .on_deleted = [erase](const Object& last) { erase(*last); },
          .on_synced = [this] { on_synced(); },
          .on_invalid = [this, type](const kube::ObjectKey& key,
                                     const base::Error& error) { report_invalid(type, key, error); }};
}

void Leadership::put(const SeenBinding& seen) {
  const core::ObjectKey key = seen.binding.meta.key();
  status_.saw(owner_of(seen), seen.status);
  calendars_.set_wanted(key,
                        seen.binding.access ? config_maps_of(key, *seen.binding.access) : std::set<core::ObjectKey>());
  if (seen.binding.access && seen.binding.access->grant) grants_.start();
  if (is_complete(seen)) {
    incomplete_.erase(key);
    controller_.put(seen.binding);
  } else {
    incomplete_.insert(key);
  }
}

bool Leadership::is_complete(const SeenBinding& seen) const {
  if (!seen.binding.access) return true;
  return calendars_.all_known(seen.binding.meta.key()) && (!seen.binding.access->grant || grants_.known());
}

void Leadership::put_completed() {
  std::erase_if(incomplete_, [this](const core::ObjectKey& binding) {
    const auto seen = bindings_.find(binding.ns, binding.name);
    if (seen && !is_complete(*seen)) return false;
    if (seen) controller_.put(seen->binding);
    return true;
  });
  start_when_filled();
}

void Leadership::on_calendar(const core::ObjectKey& config_map, const ConfigMapTexts& texts) {
  controller_.put(config_map, texts);
  put_completed();
}

GrantWatchHandlers Leadership::grant_handlers() {
  return {.put_grant =
              [this](const SeenGrant& seen) {
                status_.saw(owner_of(seen), seen.status);
                controller_.put(seen.grant);
                report_grants();
              },
          .erase_grant =
              [this](const SeenGrant& last) {
                const core::ObjectKey key = last.grant.meta.key();
                controller_.erase_grant(key);
                status_.erase(kube::kAzureIdentityGrants, key);
                phases_.erase(key);
              },
          .put_approval =
              [this](const core::AzureIdentityGrantApproval& approval) {
                controller_.put(approval);
                report_grants();
              },
          .erase_approval = [this](const core::AzureIdentityGrantApproval& last) { controller_.erase(last); },
          .put_policies =
              [this](core::GrantPolicies policies) {
                metrics_.policy_missing(!policies.in_place());
                controller_.put(std::move(policies));
                report_grants();
              },
          .known = [this] { put_completed(); }};
}

// All of them: there are few, and their times come without an event.
void Leadership::report_grants() {
  if (!active_) return;
  const core::Instant now = clock_.wall_now();
  std::map<std::string, std::size_t> phases;
  grants_.each_grant([&](const SeenGrant& seen) {
    report_grant(seen, now);
    ++phases[phases_[seen.grant.meta.key()]];
  });
  for (const char* phase : {"Pending", "Active", "Revoked", "Expired"}) metrics_.grants(phase, phases[phase]);
  if (!phases_.empty()) grants_alarm_.set(clock_.steady_now() + kGrantLook);
}

void Leadership::report_grant(const SeenGrant& seen, core::Instant now) {
  const core::ObjectKey binding{.ns = seen.grant.meta.ns, .name = seen.grant.binding};
  const core::AccessTerms* terms = controller_.terms().find(binding);
  const bool wants_grant = terms != nullptr && terms->access().grant;
  GrantReport report =
      grant_status(seen.grant, controller_.terms().grants(), wants_grant ? &*terms->access().grant : nullptr, now);
  const std::string before = std::exchange(phases_[seen.grant.meta.key()], report.phase);
  if (const auto bound = bindings_.find(binding.ns, binding.name)) {
    if (auto event = grant_event(seen.grant, report, before, bound->binding.meta)) events_.record(std::move(*event));
  }
  status_.want(owner_of(seen), std::move(report.status));
}

void Leadership::erase(const SeenBinding& seen) {
  const core::ObjectKey key = seen.binding.meta.key();
  incomplete_.erase(key);
  unusable_.erase(key);
  calendars_.set_wanted(key, {});
  controller_.erase_binding(key);
  status_.erase(kube::kAzureIdentityBindings, key);
}

void Leadership::on_access(const core::ObjectKey& binding) {
  const auto seen = bindings_.find(binding.ns, binding.name);
  if (!seen) return;
  const AccessMoment* moment = controller_.access().moment(binding);
  if (auto status = binding_status(*seen, moment)) status_.want(owner_of(*seen), std::move(*status));
  auto event = access_unusable(*seen, moment);
  if (!event) {
    unusable_.erase(binding);
  } else if (std::exchange(unusable_[binding], event->message) != event->message) {
    events_.record(std::move(*event));
  }
}

void Leadership::stop_writes() {
  controller_.stop();
  status_.stop();
  grants_.stop_writes();
  grants_alarm_.set(std::nullopt);
}

void Leadership::cancel_writes() {
  stop_writes();
  controller_.cancel();
  status_.cancel();
}

base::Task<> Leadership::drain() {
  co_await controller_.drain();
  co_await status_.drain();
}

void Leadership::start() {
  identities_.start();
  bindings_.start();
  if (follow_ == Follow::all) {
    nodes_.start();
    pods_.start();
    assigned_.start();
  }
  if (policies_) policies_->start();
  if (namespaces_) namespaces_->start();
}

void Leadership::on_synced() {
  ++synced_;
  start_when_filled();
}

void Leadership::start_when_filled() {
  const int caches = (follow_ == Follow::all ? 5 : 2) + (policies_ ? 2 : 0);
  if (active_ || synced_ < caches || !incomplete_.empty()) return;
  active_ = true;
  base::log::info("caches are filled, work begins", {{"pods", pods_.size()},
                                                     {"identities", identities_.size()},
                                                     {"bindings", bindings_.size()},
                                                     {"nodes", nodes_.size()},
                                                     {"assigned", assigned_.size()}});
  controller_.start();
  status_.start();
  report_grants();
}

void Leadership::report_invalid(kube::ResourceType type, const kube::ObjectKey& key, const base::Error& error) {
  metrics_.bad_object(type.plural);
  if (log_budget_.take(clock_.steady_now())) {
    base::log::warning("an object cannot be read and is left out",
                       {{"kind", type.kind},
                        {"object", key.to_string()},
                        {"error", error},
                        {"suppressed_before", log_budget_.take_suppressed()}});
  }
  events_.record({.regarding = type.reference(key, ""),
                  .type = kube::EventType::warning,
                  .reason = "invalid object",
                  .message = fmt::format("this {} is ignored: {}", type.kind, error.message),
                  .related = {},
                  .action = {}});
}

std::string Leadership::missing_caches() const {
  std::string missing;
  const auto check = [&missing](const auto& informer, std::string_view name) {
    if (informer.synced()) return;
    const auto& error = informer.reflector().last_error();
    missing += fmt::format("{}{}{}", missing.empty() ? "" : "; ", name, error ? ": " + error->message : "");
  };
  check(identities_, "azureidentities");
  check(bindings_, "azureidentitybindings");
  if (follow_ == Follow::all) {
    check(nodes_, "nodes");
    check(pods_, "pods");
    check(assigned_, "azureassignedidentities");
  }
  if (policies_) check(*policies_, "azureidentitypolicies");
  if (namespaces_) check(*namespaces_, "namespaces");
  if (missing.empty() && !incomplete_.empty()) missing = "holidays and grants of bindings";
  return missing;
}

base::Task<> Leadership::stop() {
  co_await identities_.stop();
  co_await bindings_.stop();
  if (follow_ == Follow::all) {
    co_await nodes_.stop();
    co_await pods_.stop();
    co_await assigned_.stop();
  }
  co_await calendars_.stop();
  co_await grants_.stop();
  if (policies_) co_await policies_->stop();
  if (namespaces_) co_await namespaces_->stop();
}

}  // namespace podid::mic
