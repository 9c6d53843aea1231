// SPDX-License-Identifier: Apache-2.0
// Random clusters: what the NMI answers to a pod, and what `podid explain` says of it, must be one verdict with one reason.
//
// Where the two cannot agree, as each sees something that the other does not:
//  - An address decides who asks. To the NMI every pod that it refuses for its state, and one without an address, is
//    `pod_unknown`, or where that may be so `grace_period_over`; explain says which state it is (`pod_not_served`), and what
//    a pod would get that has no address yet. Here each address is one pod's alone: doubts, boots and two pods on one
//    address are not in the objects that explain reads.
//  - In standard mode the NMI knows those bindings alone that assignments name. Where it can only say that no assignment
//    exists yet, explain says why.
//  - An NMI that watches the assignments of its node alone does not see those whose label names another: it misses them,
//    explain mistrusts them.
//  - In standard mode an NMI that knows of no assignment, and that the policy lets the pod's namespace use nothing, says that;
//    explain says first what is missing for an assignment.
//  - An NMI that has seen an assignment confirmed goes on with it while its identity changes; here it has just started, as
//    explain has.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "cli/show/explain.hpp"
#include "core/model/naming.hpp"
#include "nmi/pods/snapshot_builder.hpp"
#include "nmi/request/authorizer.hpp"
#include "support/builders.hpp"
#include "support/fake_clock.hpp"
#include "support/seeded_random.hpp"

namespace podid {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kClusters = 16000;
constexpr const char* kAddress = "10.0.0.1";
const core::Instant kNow = test::FakeClock().wall_now();
const std::vector<std::string> kNamespaces = {"shop", "vault", "default"};
const std::vector<std::string> kNames = {"reader", "writer"};

std::shared_ptr<const core::Zone> utc(std::string_view) {
  static const auto kUtc = std::make_shared<const core::Zone>(0, std::vector<core::Zone::Shift>());
  return kUtc;
}

struct Asked {
  std::string client_id, resource_id, object_id;
};

// The objects of a cluster with one pod that is asked about, and how its NMI runs.
struct Cluster {
  cli::PodObjects objects;
  std::vector<core::Pod> others;
  cli::ExplainRequest request;
  bool legacy = false;
  bool only_this_node = false;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Cluster cluster() {
    Cluster c;
    if (chance(3)) c.request.mode = core::OperationMode::managed;
    c.request.namespaced = chance(4);
    c.request.zones = utc;
    c.request.mic_namespace = pick<std::string>({"default", "Default", "shop", ""});
    if (chance(2)) c.request.controller_identity = pick<std::string>({"system", "client-reader"});
    if (chance(4)) c.request.mic_service_accounts = {"identity-controller"};
    c.legacy = chance(3);
    c.only_this_node = chance(3);
    c.objects.pod = pod();
    for (int n = 0; n < 3; ++n) {
      if (!chance(2)) continue;
      c.others.push_back(test::make_pod(pick(kNamespaces), "other-" + std::to_string(n), pick(kNames)));
      c.others.back().pod_ips = {"10.0.1." + std::to_string(n)};
    }
    for (const std::string& ns : kNamespaces) {
      for (const std::string& name : kNames) {
        if (!chance(4)) c.objects.identities.push_back(identity(ns, name));
      }
    }
    for (std::size_t n = random_.below(5); n > 0; --n) c.objects.bindings.push_back(binding(n));
    for (std::size_t n = random_.below(4); n > 0; --n) add_assigned(c.objects, c.request.namespaced);
    for (std::size_t n = random_.below(3); n > 0; --n) add_exception(c.objects);
    c.request.grants = grants(c.objects);
    if (chance(3)) permit(c);
    ask(c);
    return c;
  }

 private:
  bool chance(std::size_t one_in) { return random_.below(one_in) == 0; }
  template <class T>
  T pick(const std::vector<T>& values) {
    return values[random_.below(values.size())];
  }

  core::Pod pod() {
    core::Pod pod =
        test::make_pod(pick(kNamespaces), "web", pick<std::string>({"reader", "reader", "writer", "Reader"}));
    if (chance(8)) pod.labels.clear();
    if (chance(4)) pod.labels.emplace("app", pick<std::string>({"agent", "AGENT", "shop"}));
    if (chance(3)) pod.replica_set = pick<std::string>({"mic-5d4f", "mic-5d4f", "microshop-5d4f"});
    if (chance(3)) pod.labels["component"] = pick<std::string>({"mic", "nmi"});
    if (chance(2)) pod.service_account = pick<std::string>({"aad-pod-id-mic-service-account", "identity-controller"});
    if (chance(4)) pod.phase = pick<std::string>({"Pending", "Succeeded", "Failed", "Unknown", ""});
    if (chance(4)) {
      pod.deletion_timestamp = pick<std::string>({"2027-01-15T08:00:30Z", "2027-01-15T09:00:00.5+01:00",
                                                  "2027-01-15T08:00:00Z", "2027-01-15T07:59:30Z", "soon"});
    }
    pod.host_network = chance(10);
    if (chance(8)) pod.node_name = pick<std::string>({"", "node-b"});
    if (!chance(12)) pod.pod_ips = {kAddress};
    return pod;
  }

  core::AzureIdentity identity(const std::string& ns, const std::string& name) {
    core::AzureIdentity identity = test::make_identity(ns, name);
    if (chance(5)) identity.meta.annotations.emplace(core::kBehaviorAnnotation, core::kNamespacedBehavior);
    if (chance(3)) identity.meta.annotations.emplace(core::kObjectIdAnnotation, "object-" + name);
    if (chance(5)) identity.client_id = core::ClientId(identity.client_id.text() + "-of-" + ns);
    if (chance(10)) identity.resource_id = core::ResourceId("no-resource-id");
    if (chance(10)) identity.type = core::IdentityType::service_principal_secret;
    if (chance(12)) identity.client_id = {};
    if (chance(20)) identity.resource_id = {};
    return identity;
  }

  core::AzureIdentityBinding binding(std::size_t n) {
    core::AzureIdentityBinding binding =
        test::make_binding(pick(kNamespaces), "binding-" + std::to_string(n), pick(kNames),
                           pick<std::string>({"reader", "reader", "writer", "Reader", ""}));
    binding.weight = static_cast<std::int64_t>(random_.below(3));
    if (!chance(3)) binding.access = access();
    return binding;
  }

  // Of some of the bindings that need one.
  std::shared_ptr<const core::GrantBook> grants(const cli::PodObjects& objects) {
    auto book = std::make_shared<core::GrantBook>();
    if (!chance(3)) book->set_policies({.problem = "", .count_from = kNow - std::chrono::hours(1)});
    for (const core::AzureIdentityBinding& binding : objects.bindings) {
      if (!binding.access || !binding.access->grant || chance(3)) continue;
      core::AzureIdentityGrant grant;
      grant.meta.ns = binding.meta.ns;
      grant.meta.name = grant.meta.uid = "for-" + binding.meta.name;
      grant.meta.creation_timestamp = "2027-01-15T07:50:00Z";
      grant.binding = binding.meta.name;
      grant.duration = std::chrono::minutes(chance(4) ? 5 : 30);
      grant.requested_by = "alice";
      book->put(grant);
    }
    return book;
  }

  core::Access access() {
    core::Access access;
    const auto time = [this] { return kNow + std::chrono::hours(random_.below(6)) - std::chrono::hours(3); };
    if (chance(4)) access.not_before = time();
    if (chance(4)) access.not_after = time();
    if (chance(3)) {
      core::AccessWindow& window = access.windows.emplace_back();
      window.start = std::chrono::hours(8 + random_.below(2));
      window.end = window.start + std::chrono::hours(1);
      if (chance(2)) window.holidays.emplace().config_map = "calendar";
    } else if (chance(2)) {
      access.grant =
          core::GrantTerms{.max_duration = std::chrono::hours(1), .approvals = static_cast<int>(random_.below(2))};
    } else if (chance(4)) {
      access.invalid = "it is odd";
    }
    return access;
  }

  // Mostly as the controller writes it; else stale, forged, or of an earlier pod.
  void add_assigned(cli::PodObjects& objects, bool namespaced) {
    const core::AzureIdentity about =
        objects.identities.empty() || chance(10) ? identity(pick(kNamespaces), pick(kNames)) : pick(objects.identities);
    core::AzureIdentityBinding by = binding(10 + objects.bindings.size());
    by.access.reset();  // no copy has one
    by.meta.ns = about.meta.ns;
    by.azure_identity = about.meta.name;
    if (!chance(4)) by.selector = objects.pod.binding_label();
    if (!chance(8)) {  // mostly it is still there, mostly as it was
      objects.bindings.push_back(by);
      core::AzureIdentityBinding& live = objects.bindings.back();
      if (chance(10)) live.selector = pick<std::string>({"writer", ""});
      if (chance(16)) live.azure_identity = pick(kNames);
      if (!chance(3)) live.access = access();
    }
    core::AzureAssignedIdentity assigned = test::make_assigned(
        objects.pod, about, by,
        pick<std::string>({"Assigned", "Assigned", "Assigned", "Created", "Unassigned", "", "Odd"}));
    if (namespaced) assigned.meta.ns = core::assignment_namespace(about, core::NamespacedMode::on);
    switch (random_.below(24)) {
      case 0:
        assigned.meta.finalizers.clear();
        break;
      case 1:
        assigned.meta.labels[std::string(core::kNodeNameLabel)] = pick<std::string>({"node-b", ""});
        break;
      case 2:
        assigned.node_name = "node-c";
        assigned.meta.labels[std::string(core::kNodeNameLabel)] = pick<std::string>({"node-a", "node-c"});
        break;
      case 3:
        assigned.meta.name = "mine";
        break;
      case 4:
        assigned.meta.ns = pick<std::string>({"elsewhere", about.meta.ns, "default"});
        break;
      case 5:
        assigned.identity.client_id = core::ClientId(pick<std::string>({"client-admin", ""}));
        break;
      case 6:
        assigned.identity.resource_id = {};
        assigned.identity.client_id = {};
        break;
      case 7:
        assigned.meta.annotations[std::string(core::kPodUidAnnotation)] = "uid-of-an-earlier-pod";
        break;
      case 8:
        assigned.meta.annotations.clear();  // as aad-pod-identity wrote it
        assigned.binding = {};
        break;
      case 9:
        assigned.meta.deletion_timestamp = "2027-01-15T07:00:00Z";
        break;
      case 10:
        assigned.identity.client_id = core::ClientId("CLIENT-" + about.meta.name);  // another case is no other ID
        break;
      default:
        break;
    }
    const auto same_key = [&assigned](const core::AzureAssignedIdentity& other) {
      return other.meta.key() == assigned.meta.key();
    };
    if (std::ranges::none_of(objects.assigned, same_key)) objects.assigned.push_back(std::move(assigned));
  }

  void add_exception(cli::PodObjects& objects) {
    core::AzurePodIdentityException exception;
    exception.meta.ns = chance(3) ? pick(kNamespaces) : objects.pod.ns;
    exception.meta.name = "exception-" + std::to_string(objects.exceptions.size());
    for (std::size_t n = random_.below(3); n > 0; --n) {
      exception.pod_labels.emplace(pick<std::string>({"app", "tier", "component"}),
                                   pick<std::string>({"agent", "Shop", "nmi", "MIC", "none"}));
    }
    objects.exceptions.push_back(std::move(exception));
  }

  // The policy, and the labels of the namespaces.
  void permit(Cluster& c) {
    c.request.policy = core::IdentityPolicyMode::enforce;
    for (const std::string& ns : kNamespaces) {
      if (chance(8)) continue;  // not read yet
      core::PolicyLabels labels{.ns = ns, .labels = {}};
      if (!chance(3)) labels.labels.emplace("policy.aadpodidentity.k8s.io/team", pick<std::string>({"a", "b"}));
      c.objects.permissions.put_namespace(std::move(labels));
    }
    if (chance(8)) return;
    if (chance(20)) {
      c.objects.permissions.set_unreadable("spec.rules: expected a list, found a string");
      return;
    }
    json::array rules;
    for (std::size_t n = random_.below(5); n > 0; --n) rules.push_back(rule(n));
    json::object policy;
    policy["spec"].emplace_object()["rules"] = std::move(rules);
    auto read = core::IdentityPolicy::read(policy);
    c.objects.permissions.set_policy(std::make_shared<const core::IdentityPolicy>(std::move(read).value()));
  }

  json::object rule(std::size_t n) {
    json::object rule{{"name", "rule-" + std::to_string(n)}};
    json::object& namespaces = rule["namespaces"].emplace_object();
    if (chance(3)) {
      namespaces["matchLabels"] = {{"policy.aadpodidentity.k8s.io/team", pick<std::string>({"a", "b"})}};
    } else {
      namespaces["names"] =
          chance(2) ? json::array(kNamespaces.begin(), kNamespaces.end()) : json::array{pick(kNamespaces)};
    }
    json::array& ids = rule["resourceIDs"].emplace_array();
    ids.emplace_back(test::identity_resource_id(pick<std::string>({"reader", "writer", "READER", "*", "*"})));
    if (chance(2)) rule["clientIDs"] = json::array{"client-" + pick(kNames)};
    if (chance(5)) rule["types"] = json::array{static_cast<std::int64_t>(random_.below(3))};
    if (chance(9)) rule["requireAccess"] = json::array{pick<std::string>({"grant", "windows", "notAfter"})};
    if (chance(15)) rule["odd"] = true;
    return rule;
  }

  void ask(Cluster& c) {
    if (chance(2)) return;
    const std::string name = pick<std::string>({"reader", "writer", "nobody"});
    if (chance(2)) c.request.client_id = core::ClientId(pick<std::string>({"client-", "CLIENT-"}) + name);
    if (chance(4)) c.request.resource_id = core::ResourceId(test::identity_resource_id(name));
    if (chance(4)) c.request.object_id = core::ObjectId("object-" + name);
  }

  test::SeededRandom random_;
};

// One side's word.
struct Said {
  core::ServingVerdict verdict = core::ServingVerdict::refused;
  std::string reason;  // core::to_string(RefusalReason), or the side's own
  std::string identity, assigned, binding;
};

Said explained(const cli::Explanation& e) {
  Said said{.reason = e.reason, .identity = e.identity, .assigned = e.assigned, .binding = e.binding};
  if (e.granted) {
    said.verdict = e.identity.empty() ? core::ServingVerdict::passed_through : core::ServingVerdict::served;
  }
  return said;
}

class Node {
 public:
  explicit Node(const Cluster& c) : name_(c.objects.pod.node_name.empty() ? "node-a" : c.objects.pod.node_name) {
    const bool managed = c.request.mode == core::OperationMode::managed;
    nmi::SnapshotBuilder builder({.mode = c.request.mode,
                                  .mic_namespace = c.request.mic_namespace,
                                  .mic_service_accounts = c.request.mic_service_accounts,
                                  .policy = c.request.policy,
                                  .zones = c.request.zones});
    if (c.request.policy == core::IdentityPolicyMode::enforce) {
      builder.set_permissions(std::make_shared<const core::IdentityPermissions>(c.objects.permissions));
    }
    const auto put = [&builder](const auto& object) {
      builder.put(std::make_shared<std::remove_cvref_t<decltype(object)>>(object));
    };
    // As ClusterWatch selects them.
    for (const core::AzureAssignedIdentity& assigned : c.objects.assigned) {
      const bool mine =
          core::is_node_label_value(core::value_or_empty(assigned.meta.labels, core::kNodeNameLabel), name_);
      if (!managed && (mine || !c.only_this_node)) put(assigned);
    }
    for (const core::Pod& pod : c.others) put(pod);
    if (c.objects.pod.node_name == name_) put(c.objects.pod);
    for (const core::AzureIdentity& identity : c.objects.identities) put(identity);
    std::ranges::for_each(c.objects.bindings, put);
    for (const core::AzurePodIdentityException& exception : c.objects.exceptions) put(exception);
    builder.set_grant_policies(c.request.grants->policies());
    for (const auto& [key, grant] : c.request.grants->grants()) put(grant);
    builder.set_complete();
    source_.publish(builder.build());
  }

  // Asks as the pod, until the NMI answers.
  Said answer(const Cluster& c) {
    nmi::AuthorizerOptions options;
    options.style.legacy = c.legacy;
    options.mode = c.request.mode;
    options.namespaced = c.request.namespaced;
    options.node_name = name_;
    options.controller_identity = c.request.controller_identity;
    nmi::Authorizer authorizer(options, source_, clock_, metrics());
    nmi::TokenCall call;
    call.query.client_id = c.request.client_id;
    call.query.resource_id = c.request.resource_id;
    call.query.object_id = c.request.object_id;
    call.peer = boost::asio::ip::make_address(kAddress);
    call.start = clock_.steady_now() - std::chrono::hours(1);  // has waited for what it may wait for
    nmi::Verdict verdict = authorizer.judge(call);
    if (verdict.kind == nmi::Verdict::Kind::wait) {  // kQuietPeriod
      clock_.advance(verdict.until - clock_.steady_now());
      verdict = authorizer.judge(call);
    }
    EXPECT_NE(verdict.kind, nmi::Verdict::Kind::wait);
    Said said;
    if (verdict.kind != nmi::Verdict::Kind::granted) {
      said.reason = verdict.reason;
      return said;
    }
    EXPECT_TRUE(verdict.credential);
    said.reason = core::to_string(core::RefusalReason::none);
    said.verdict =
        call.decision.identity == nullptr ? core::ServingVerdict::passed_through : core::ServingVerdict::served;
    if (call.decision.identity != nullptr) said.identity = call.decision.identity->meta.key().text();
    if (call.decision.assigned != nullptr) said.assigned = call.decision.assigned->meta.key().text();
    if (call.decision.binding != nullptr) said.binding = call.decision.binding->meta.key().text();
    return said;
  }

  // What the snapshot says of the pod's state. A pod of no node is in none.
  core::Serving serving(const core::Pod& pod) const {
    nmi::SnapshotSource::Reader reader(source_);
    const nmi::PodEntryPtr& entry = reader.get()->named(pod.ns, pod.name);
    return entry ? entry->serving.at(clock_.wall_now()) : core::Serving::unscheduled;
  }
  base::WallTime now() const { return clock_.wall_now(); }

 private:
  static base::MetricsRegistry& metrics() {
    static base::MetricsRegistry registry;
    return registry;
  }

  const std::string name_;
  nmi::SnapshotSource source_;
  test::FakeClock clock_;
};

// Whether explain may give the reason `told` where the NMI gives `answered`: the exceptions in the head of this file.
bool is_known_refinement(const Cluster& c, const std::string& answered, const std::string& told) {
  if (answered == "pod_unknown" || answered == "grace_period_over") return told == "pod_not_served";
  if (answered == "policy_denied" && told != "policy_denied") {
    if (c.request.mode == core::OperationMode::managed) return false;
    if (c.objects.permissions.judge_namespace(c.objects.pod.ns).allowed()) return false;
    if (told == "untrusted_assignment") return c.only_this_node;
    return told == "no_matching_binding" || told == "identity_missing" || told == "namespace_rule";
  }
  if (answered != "awaiting_creation" || c.request.mode == core::OperationMode::managed) return false;
  if (told == "untrusted_assignment") return c.only_this_node;
  return told == "no_matching_binding" || told == "identity_missing" || told == "namespace_rule" ||
         told == "policy_denied";
}

TEST(OneVerdict, TheNmiAndExplainSayTheSameOfAnyPod) {
  std::map<std::string, int> servings, reasons, refinements;
  std::map<std::pair<core::OperationMode, core::ServingVerdict>, int> verdicts;
  for (std::uint64_t seed = 1; seed <= kClusters; ++seed) {
    SCOPED_TRACE(seed);
    const Cluster c = Generator(seed).cluster();
    Node node(c);
    const Said answered = node.answer(c);
    const cli::Explanation explanation = cli::explain(c.objects, c.request, node.now());
    const Said told = explained(explanation);
    ++servings[explanation.serving];
    ++reasons[told.reason];

    ASSERT_EQ(core::to_string(node.serving(c.objects.pod)), explanation.serving) << to_text(explanation);
    const bool refused_for_its_state = core::verdict_of(node.serving(c.objects.pod)) == core::ServingVerdict::refused;
    ASSERT_EQ(told.reason == "pod_not_served", refused_for_its_state);
    if (c.objects.pod.pod_ips.empty() && !refused_for_its_state) {
      ASSERT_EQ(answered.reason, "pod_unknown") << "nobody asks from no address";
      continue;
    }
    ++verdicts[{c.request.mode, told.verdict}];
    ASSERT_EQ(answered.verdict, told.verdict) << answered.reason << "\n" << to_text(explanation);
    ASSERT_EQ(answered.identity, told.identity) << to_text(explanation);
    ASSERT_EQ(answered.assigned, told.assigned) << to_text(explanation);
    ASSERT_EQ(answered.binding, told.binding) << to_text(explanation);
    if (answered.reason == told.reason) continue;
    ++refinements[answered.reason + " → " + told.reason];
    ASSERT_TRUE(is_known_refinement(c, answered.reason, told.reason)) << answered.reason << "\n"
                                                                      << to_text(explanation);
  }

  // That the clusters were worth the test.
  constexpr int kEnough = 20;
  EXPECT_GE(reasons["controller_identity"], kEnough / 2);
  for (auto serving = core::Serving::unscheduled; serving <= core::Serving::served;
       serving = static_cast<core::Serving>(static_cast<int>(serving) + 1)) {
    EXPECT_GE(servings[std::string(core::to_string(serving))], kEnough) << core::to_string(serving);
  }
  for (std::size_t n = 0; n < core::kRefusalReasons; ++n) {
    const auto reason = static_cast<core::RefusalReason>(n);
    if (reason == core::RefusalReason::pod_unknown) continue;          // of host requests
    if (reason == core::RefusalReason::token_beyond_window) continue;  // of tokens
    EXPECT_GE(reasons[std::string(core::to_string(reason))], kEnough) << core::to_string(reason);
  }
  for (const auto mode : {core::OperationMode::standard, core::OperationMode::managed}) {
    for (const auto verdict :
         {core::ServingVerdict::refused, core::ServingVerdict::passed_through, core::ServingVerdict::served}) {
      EXPECT_GE((verdicts[{mode, verdict}]), kEnough) << static_cast<int>(mode) << " " << static_cast<int>(verdict);
    }
  }
  EXPECT_EQ(refinements.size(), 11u) << "each exception in the head of this file happens";
  for (const auto& [reason, times] : refinements) RecordProperty(reason, times);
}

}  // namespace
}  // namespace podid
