// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/cluster_watch.hpp"

#include <algorithm>
#include <span>

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/matching.hpp"
#include "core/model/grants_json.hpp"
#include "core/model/naming.hpp"
#include "core/model/resources_json.hpp"
#include "kube/decoded.hpp"
#include "kube/json.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kContactReport{5};
constexpr std::chrono::seconds kConfirmTimeout{5};
// A boot takes all addresses from the pods. After that the kubelet has told the API server of all new ones.
constexpr std::chrono::minutes kBootMatters{15};

// Whether both say the same of whose an address is. The rest of a pod (labels, annotations, its version) whoever may
// edit it can change faster than any watch follows, and would so keep all addresses of the node in doubt.
bool owns_the_same(const core::Pod& one, const core::Pod& other) {
  return one.uid == other.uid && one.pod_ips == other.pod_ips && one.host_network == other.host_network &&
         one.phase == other.phase && one.deletion_timestamp == other.deletion_timestamp &&
         one.last_start == other.last_start;
}

// In managed mode namespaces are listed one after another; single objects are quickly read.
constexpr std::uint32_t kNamespacesAtOnce = 1;
constexpr std::uint32_t kObjectsAtOnce = 4;

template <class T>
base::Result<T> decode_as(core::Read<T> (*read)(const boost::json::value&), const boost::json::value& json) {
  base::Result<T> object = kube::decoded(read(json));
  if constexpr (requires { core::trimmed(std::move(*object)); }) {
    if (object) object = core::trimmed(std::move(*object));
  }
  return object;
}

core::ObjectKey core_key(const kube::ObjectKey& key) { return {key.ns, key.name}; }

// Names come from objects that others may write. One that no object can have is not asked for: it would be another request,
// or one that is refused for good.
std::optional<kube::ObjectKey> object_key(const core::ObjectMeta& named) {
  if (!core::is_object_name(named.ns) || !core::is_object_name(named.name)) return std::nullopt;
  return kube::ObjectKey{named.ns, named.name};
}

// SEC-2: aad-pod-identity installs it into a namespace in which others may create pods, too.
bool opens_default(const core::AzurePodIdentityException& exception) {
  return exception.meta.ns == "default" && core::names_controller(exception);
}
void warn_of_new(const core::AzurePodIdentityException* before, const core::AzurePodIdentityException& now) {
  if (!opens_default(now) || (before != nullptr && opens_default(*before))) return;
  base::log::warning(
      "any pod of namespace default that has a label of the controller gets tokens of this node's identities: move the "
      "controller into a namespace of its own, with an exception whose label nobody else has, or name the one identity "
      "that it needs with --controller-identity",
      {{"azurepodidentityexception", now.meta.key().text()}});
}
template <class T>
void warn_of_new(const T*, const T&) {}

}  // namespace

// From one kind's wanted objects to the builder.
template <class T>
class ClusterWatch::Followed final : public kube::WantedSink {
 public:
  using Kind = SnapshotBuilder::Kind;

  Followed(ClusterWatch& watch, kube::ResourceType type, Kind kind, core::Read<T> (*read)(const boost::json::value&))
      : watch_(watch),
        type_(type),
        kind_(kind),
        read_(read),
        objects_(
            watch.client_,
            {.type = type, .readers = watch.mode_ == core::OperationMode::managed ? kNamespacesAtOnce : kObjectsAtOnce},
            *this) {}

  kube::WantedObjects& objects() { return objects_; }
  void want(const kube::ObjectKey& key) {
    if (objects_.want(key)) watch_.builder_.set_unread(kind_, core_key(key));
  }
  void unwant(const kube::ObjectKey& key) {
    if (objects_.unwant(key)) watch_.builder_.set_read(kind_, core_key(key));
  }

 private:
  void object_is(const kube::ObjectKey& key, boost::json::value json) override {
    base::Result<T> object = decode_as(read_, json);
    if (!object) {
      watch_.report_bad(type_.plural, key, object.error());
      return object_gone(key);
    }
    watch_.follow_access_of(key, &*object);
    watch_.builder_.put(std::make_shared<const T>(std::move(*object)));
    watch_.changed();
  }
  void object_gone(const kube::ObjectKey& key) override {
    T gone;
    gone.meta.ns = key.ns;
    gone.meta.name = key.name;
    watch_.follow_access_of(key, static_cast<const T*>(nullptr));
    watch_.builder_.remove(gone);
    watch_.changed();
  }
  void known(const kube::ObjectKey& want) override {
    watch_.builder_.set_read(kind_, core_key(want));
    watch_.changed();
    watch_.check_synced();
  }
  void unreadable(const kube::ObjectKey& want) override {
    watch_.builder_.set_unread(kind_, core_key(want));
    watch_.changed();
    watch_.check_synced();
  }
  void begun() override { watch_.check_synced(); }

  ClusterWatch& watch_;
  const kube::ResourceType type_;
  const Kind kind_;
  core::Read<T> (*const read_)(const boost::json::value&);
  kube::WantedObjects objects_;
};

template <class T>
std::unique_ptr<kube::Informer<T>> ClusterWatch::make_informer(kube::ReflectorOptions options,
                                                               core::Read<T> (*read)(const boost::json::value&)) {
  const std::string_view plural = options.type.plural;
  const auto decode = [read](const boost::json::value& json) { return decode_as(read, json); };
  kube::InformerHandlers<T> handlers;
  handlers.on_added = [this](const std::shared_ptr<const T>& object) {
    warn_of_new(static_cast<const T*>(nullptr), *object);
    builder_.put(object);
    follow(nullptr, object.get());
    changed();
  };
  handlers.on_updated = [this](const std::shared_ptr<const T>& before, const std::shared_ptr<const T>& now) {
    warn_of_new(before.get(), *now);
    builder_.remove(*before);
    builder_.put(now);
    follow(before.get(), now.get());
    changed();
  };
  handlers.on_deleted = [this](const std::shared_ptr<const T>& last) {
    builder_.remove(*last);
    follow(last.get(), nullptr);
    changed();
  };
  handlers.on_synced = [this] { check_synced(); };
  handlers.on_invalid = [this, plural](const kube::ObjectKey& key, const base::Error& error) {
    report_bad(plural, key, error);
  };
  auto informer = std::make_unique<kube::Informer<T>>(client_, std::move(options), decode, std::move(handlers));
  kube::Informer<T>* raw = informer.get();
  watched_.push_back({.what = plural,
                      .start = [raw] { raw->start(); },
                      .stop = [raw] { return raw->stop(); },
                      .synced = [raw] { return raw->synced(); },
                      .last_contact = [raw] { return raw->reflector().last_contact(); },
                      .last_error = [raw] { return raw->reflector().last_error(); }});
  return informer;
}

ClusterWatch::ClusterWatch(kube::Client& client, ClusterWatchOptions options, SnapshotSource& source,
                           base::MetricsRegistry& metrics)
    : client_(client),
      mode_(options.snapshot.mode),
      node_(options.node),
      pods_of_this_node_("spec.nodeName=" + options.node),
      source_(source),
      bad_objects_(metrics.counter(base::metric::kBadObjects)),
      pods_gauge_(metrics.gauge(base::metric::kNmiPods).find_or_add()),
      grants_gauge_(metrics.gauge(base::metric::kNmiGrantsActive).find_or_add()),
      builder_(options.snapshot),
      grant_policies_(client,
                      [this] {
                        builder_.set_grant_policies(grant_policies_.policies());
                        changed();
                        check_synced();
                      }),
      calendars_(client,
                 [this](const std::string& ns, core::Calendars calendars) {
                   builder_.set_calendars(ns, std::move(calendars));
                   changed();
                 }),
      next_publication_(client.executor(), [this] { publish(); }),
      tasks_(client.executor()) {
  using Kind = SnapshotBuilder::Kind;
  kube::ReflectorOptions pods{.type = kube::kPods};
  pods.field_selector = pods_of_this_node_;
  pods_ = make_informer<core::Pod>(std::move(pods), core::read_pod);
  if (mode_ == core::OperationMode::standard) {
    kube::ReflectorOptions assigned{.type = kube::kAzureAssignedIdentities};
    if (options.only_this_node) {
      assigned.label_selector = std::string(core::kNodeNameLabel) + "=" + core::node_label_value(options.node);
    }
    assigned_ = make_informer<core::AzureAssignedIdentity>(std::move(assigned), core::read_azure_assigned_identity);
  }
  exceptions_ = make_informer<core::AzurePodIdentityException>({.type = kube::kAzurePodIdentityExceptions},
                                                               core::read_azure_pod_identity_exception);
  identities_ = std::make_unique<Followed<core::AzureIdentity>>(*this, kube::kAzureIdentities, Kind::identity,
                                                                core::read_azure_identity);
  bindings_ = std::make_unique<Followed<core::AzureIdentityBinding>>(*this, kube::kAzureIdentityBindings, Kind::binding,
                                                                     core::read_azure_identity_binding);
  const auto watch_over = [this](std::string_view plural, kube::WantedObjects& objects) {
    watched_.push_back({.what = plural,
                        .start = [&objects] { objects.start(); },
                        .stop = [&objects] { return objects.stop(); },
                        .synced = [&objects] { return objects.synced(); },
                        .last_contact = [&objects] { return objects.last_contact(); },
                        .last_error = [&objects] { return objects.last_error(); }});
  };
  watch_over(kube::kAzureIdentities.plural, identities_->objects());
  watch_over(kube::kAzureIdentityBindings.plural, bindings_->objects());
  follow_grants();
  if (options.snapshot.policy == core::IdentityPolicyMode::off) return;
  follow_policy();
  if (mode_ == core::OperationMode::managed) return;
  looks_ = std::make_unique<BindingLooks>(client, options.namespaced, [this] { changed(); });
}

// They hold nothing up that needs none: without the definitions (an old cluster) there is no binding that does.
void ClusterWatch::follow_grants() {
  using Kind = SnapshotBuilder::Kind;
  grants_ = std::make_unique<Followed<core::AzureIdentityGrant>>(*this, kube::kAzureIdentityGrants, Kind::grant,
                                                                 core::read_azure_identity_grant);
  approvals_ = std::make_unique<Followed<core::AzureIdentityGrantApproval>>(
      *this, kube::kAzureIdentityGrantApprovals, Kind::approval, core::read_azure_identity_grant_approval);
  const auto watch_over = [this](std::string_view plural, kube::WantedObjects& objects) {
    watched_.push_back(
        {.what = plural,
         .start = [] {},
         .stop = [&objects] { return objects.stop(); },
         .synced = [this, &objects] { return !follows_grants_ || objects.synced() || objects.last_error(); },
         .last_contact = [&objects] { return objects.synced() ? objects.last_contact() : base::SteadyTime::max(); },
         .last_error = [&objects] { return objects.last_error(); }});
  };
  watch_over(kube::kAzureIdentityGrants.plural, grants_->objects());
  watch_over(kube::kAzureIdentityGrantApprovals.plural, approvals_->objects());
  watched_.push_back({.what = kube::kValidatingAdmissionPolicies.plural,
                      .start = [] {},
                      .stop = [this] { return grant_policies_.stop(); },
                      .synced = [this] { return !follows_grants_ || grant_policies_.settled(); },
                      .last_contact = [] { return base::SteadyTime::max(); },
                      .last_error = [this] { return grant_policies_.last_error(); }});
}

void ClusterWatch::follow_access_of(const kube::ObjectKey& key, const core::AzureIdentityBinding* now) {
  const bool limited = now != nullptr && now->access;
  // In standard mode the controller reads them.
  if (mode_ == core::OperationMode::managed) {
    calendars_.set_wanted(core_key(key), limited ? holiday_lists_of(*now->access) : std::set<core::HolidayList>());
  }
  const bool needs = limited && now->access->grant;
  const kube::ObjectKey all{key.ns, {}};
  if (needs && need_grants_.insert(key).second) {
    if (!std::exchange(follows_grants_, true)) {
      grants_->objects().start();
      approvals_->objects().start();
      grant_policies_.start();
    }
    grants_->want(all);
    approvals_->want(all);
  }
  if (!needs && need_grants_.erase(key) > 0) {
    grants_->unwant(all);
    approvals_->unwant(all);
  }
}

void ClusterWatch::follow_policy() {
  policy_ = std::make_unique<PolicyWatch>(
      client_,
      PolicyWatch::Handlers{.on_change = [this] { changed(); },
                            .on_synced = [this] { check_synced(); },
                            .on_invalid = [this](std::string_view plural, const kube::ObjectKey& key,
                                                 const base::Error& error) { report_bad(plural, key, error); }});
  watched_.push_back({.what = kube::kAzureIdentityPolicies.plural,
                      .start = [this] { policy_->start(); },
                      .stop = [this] { return policy_->stop(); },
                      .synced = [this] { return policy_->synced(); },
                      .last_contact = [this] { return policy_->last_contact(); },
                      .last_error = [this] { return policy_->last_error(); }});
}

ClusterWatch::~ClusterWatch() = default;

void ClusterWatch::report_bad(std::string_view plural, const kube::ObjectKey& key, const base::Error& error) {
  bad_objects_.increment({plural});
  if (!log_budget_.take(client_.clock().steady_now())) return;
  base::log::warning("object cannot be read and is left out", {{"resource", plural},
                                                               {"object", key.to_string()},
                                                               {"error", error},
                                                               {"suppressed_before", log_budget_.take_suppressed()}});
}

// What both name stays followed throughout.
void ClusterWatch::follow(const core::AzureAssignedIdentity* before, const core::AzureAssignedIdentity* now) {
  const auto each = [this](const core::AzureAssignedIdentity* assigned, auto&& with) {
    if (assigned == nullptr || assigned->node_name != node_) return;  // of no account here
    if (!core::malformation(*assigned).empty()) return;               // and never will be
    if (const auto key = object_key(assigned->identity.meta)) with(*identities_, *key);
    if (const auto key = object_key(assigned->binding.meta)) with(*bindings_, *key);
  };
  each(now, [](auto& followed, const kube::ObjectKey& key) { followed.want(key); });
  each(before, [](auto& followed, const kube::ObjectKey& key) { followed.unwant(key); });
}

void ClusterWatch::follow(const core::Pod* before, const core::Pod* now) {
  if (mode_ != core::OperationMode::managed) return;
  const auto is_bound = [](const core::Pod* pod) { return pod != nullptr && !pod->binding_label().empty(); };
  if (is_bound(now)) {
    identities_->want({now->ns, {}});
    bindings_->want({now->ns, {}});
  }
  if (is_bound(before)) {
    identities_->unwant({before->ns, {}});
    bindings_->unwant({before->ns, {}});
  }
}

void ClusterWatch::start() {
  for (const Watched& watched : watched_) watched.start();
  tasks_.spawn("contact report", report_contact());
  const base::Duration uptime = client_.clock().uptime();
  if (uptime < kBootMatters) {
    builder_.set_boot(client_.clock().wall_now() - std::chrono::floor<std::chrono::seconds>(uptime));
    tasks_.spawn("forget the boot", forget_boot(kBootMatters - uptime));
  }
}

base::Task<> ClusterWatch::stop() {
  for (const Watched& watched : watched_) {
    co_await watched.stop();
  }
  co_await calendars_.stop();
  if (looks_) co_await looks_->stop();
  tasks_.stop();
  co_await tasks_.join();
}

base::Task<base::Result<>> ClusterWatch::confirm_pods() {
  kube::ListOptions page;
  page.field_selector = pods_of_this_node_;
  page.limit = confirm_page_;
  const net::Deadline deadline = net::Deadline::in(client_.clock(), kConfirmTimeout);
  std::size_t known = 0;
  bool behind = false;
  do {
    base::Result<boost::json::value> list = co_await kube::list_page(client_, kube::kPods, page, deadline);
    confirm_page_ = page.limit;
    if (!list) co_return std::unexpected(list.error());
    page.continue_token = base::text_at(*list, {"metadata", "continue"});
    const base::Result<std::span<boost::json::value>> items = kube::items_of(*list, kube::kPods.plural);
    if (!items) co_return std::unexpected(items.error());
    for (const boost::json::value& item : *items) {
      const core::Read<core::Pod> pod = core::read_pod(item);
      if (!pod) continue;  // the watch leaves it out as well
      const std::shared_ptr<const core::Pod> ours = pods_->find(pod->ns, pod->name);
      behind |= !ours || !owns_the_same(*ours, *pod);
      ++known;
    }
  } while (!page.continue_token.empty());
  if (behind || known != pods_->size() || next_publication_.requested()) {
    co_return base::fail(base::ErrorKind::unavailable, "the watch of the pods is behind");
  }
  co_return base::Result<>{};
}

std::optional<std::string> ClusterWatch::problem() const {
  for (const Watched& watched : watched_) {
    if (const auto error = watched.last_error()) return std::string(watched.what) + ": " + error->message;
    if (!synced_ && !watched.synced()) return std::string(watched.what) + ": not listed yet";
  }
  return std::nullopt;
}

void ClusterWatch::look(LookKey key) {
  if (looks_) looks_->want(std::move(key));
}

void ClusterWatch::check_synced() {
  if (synced_) return;
  synced_ = std::ranges::all_of(watched_, [](const Watched& watched) { return watched.synced(); });
  if (!synced_) return;
  builder_.set_complete();
  source_.heard(client_.clock().steady_now());
  changed();
  base::log::info("caches are filled", {{"pods", pods_->size()}});
}

// Behind the handlers of everything that has already arrived.
void ClusterWatch::changed() {
  if (!tasks_.stopping()) next_publication_.request();
}

void ClusterWatch::publish() {
  if (tasks_.stopping()) return;
  if (policy_) builder_.set_permissions(policy_->permissions());
  if (looks_) builder_.set_looks(looks_->looks());
  SnapshotPtr snapshot = builder_.build();
  if (policy_) policy_->want(builder_.namespaces_that_matter());
  count_grants();
  pods_gauge_->set(static_cast<double>(snapshot->pods()));
  source_.publish(std::move(snapshot));
}

void ClusterWatch::count_grants() {
  grants_gauge_->set(static_cast<double>(builder_.grants_open_at(client_.clock().wall_now()).size()));
}

base::Task<> ClusterWatch::forget_boot(base::Duration later) {
  co_await client_.clock().sleep_for(later);
  builder_.set_boot({});
  changed();
}

base::Task<> ClusterWatch::report_contact() {
  for (;;) {
    base::SteadyTime oldest = base::SteadyTime::max();
    for (const Watched& watched : watched_) oldest = std::min(oldest, watched.last_contact());
    if (synced_) source_.heard(oldest);
    count_grants();
    co_await client_.clock().sleep_for(kContactReport);
  }
}

}  // namespace podid::nmi
