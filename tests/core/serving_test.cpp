// SPDX-License-Identifier: Apache-2.0
#include "core/serving.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "core/serving_checks.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_assigned;
using test::make_binding;
using test::make_identity;
using test::make_pod;
using Time = std::chrono::system_clock::time_point;
using std::chrono::seconds;

const Time kNow = Time(seconds(1'800'000'000));

// A pod with what may matter to it; by itself it is served.
struct Subject {
  Pod pod = make_pod("shop", "web");
  std::optional<Time> deletion;
  AzurePodIdentityException exception;  // of the pod's namespace, selects nothing
  std::string mic_namespace = "default";

  Subject() {
    exception.meta.ns = "shop";
    exception.meta.name = "agents";
  }
  void delete_at(std::optional<Time> when) {
    pod.deletion_timestamp = "as the API server wrote it";
    deletion = when;
  }
  void except() { exception.pod_labels = {{std::string(kBindingLabel), "reader"}}; }
  void make_controller() {
    pod.replica_set = "mic-5d4f";
    pod.service_account = "aad-pod-id-mic-service-account";
    mic_namespace = "shop";
  }
};

struct Case {
  const char* what;
  std::function<void(Subject&)> change;
  Serving serving;
};

const Case kCases[] = {
    {"running", [](Subject&) {}, Serving::served},
    {"pending", [](Subject& s) { s.pod.phase = "Pending"; }, Serving::served},
    {"on no node", [](Subject& s) { s.pod.node_name.clear(); }, Serving::unscheduled},
    {"succeeded", [](Subject& s) { s.pod.phase = "Succeeded"; }, Serving::finished},
    {"failed", [](Subject& s) { s.pod.phase = "Failed"; }, Serving::finished},
    {"unknown", [](Subject& s) { s.pod.phase = "Unknown"; }, Serving::node_lost},
    {"no phase", [](Subject& s) { s.pod.phase.clear(); }, Serving::node_lost},
    {"grace period", [](Subject& s) { s.delete_at(kNow + seconds(30)); }, Serving::served},
    {"its end", [](Subject& s) { s.delete_at(kNow); }, Serving::grace_period_over},
    {"after it", [](Subject& s) { s.delete_at(kNow - seconds(1)); }, Serving::grace_period_over},
    {"an end that is no time", [](Subject& s) { s.delete_at({}); }, Serving::grace_period_over},
    {"host network", [](Subject& s) { s.pod.host_network = true; }, Serving::host_network},
    {"excepted", [](Subject& s) { s.except(); }, Serving::excepted},
    {"excepted as the controller",
     [](Subject& s) {
       s.pod.labels["component"] = "mic";
       s.exception.pod_labels = {{"component", "mic"}};
     },
     Serving::excepted_controller},
    {"excepted as the controller, and by a label of its own",
     [](Subject& s) {
       s.pod.labels["component"] = "mic";
       s.except();
       s.exception.pod_labels["component"] = "mic";
     },
     Serving::excepted},
    {"exception of another namespace",
     [](Subject& s) {
       s.except();
       s.exception.meta.ns = "vault";
     },
     Serving::served},
    {"controller", [](Subject& s) { s.make_controller(); }, Serving::controller},
    {"controller of another namespace",
     [](Subject& s) {
       s.make_controller();
       s.mic_namespace = "default";
     },
     Serving::served},
    {"no namespace of the controller",
     [](Subject& s) {
       s.make_controller();
       s.pod.ns = "";
       s.mic_namespace = "";
     },
     Serving::served},
    // Which of several counts.
    {"finished, after its grace period",
     [](Subject& s) {
       s.pod.phase = "Failed";
       s.delete_at(kNow);
     },
     Serving::finished},
    {"host network, after its grace period",
     [](Subject& s) {
       s.pod.host_network = true;
       s.delete_at(kNow);
     },
     Serving::grace_period_over},
    {"excepted on the host network",
     [](Subject& s) {
       s.pod.host_network = true;
       s.except();
     },
     Serving::host_network},
    {"excepted controller",
     [](Subject& s) {
       s.make_controller();
       s.except();
     },
     Serving::excepted},
    {"controller after its grace period",
     [](Subject& s) {
       s.make_controller();
       s.delete_at(kNow);
     },
     Serving::grace_period_over},
};

TEST(Serving, SaysWhoIsServed) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    Subject subject;
    c.change(subject);
    const std::array exceptions = {&std::as_const(subject.exception)};
    const ServingInput input{subject.pod, subject.deletion, exceptions, subject.mic_namespace, {}};
    const ServingTerms terms(input);
    EXPECT_EQ(terms.at(kNow), c.serving) << to_string(terms.at(kNow));

    CheckList checks;
    record_serving(input, terms, kNow, checks);
    const bool any_failed = std::ranges::find(checks, CheckOutcome::failed, &Check::outcome) != checks.end();
    EXPECT_EQ(any_failed, verdict_of(c.serving) == ServingVerdict::refused) << "the list says the same";
    const bool passing = checks.back().id == CheckId::exception || checks.back().id == CheckId::controller;
    EXPECT_EQ(passing, verdict_of(c.serving) == ServingVerdict::passed_through);
  }
}

TEST(Serving, TheControllerMayHaveOneIdentity) {
  struct Row {
    const char* configured;
    IdentityRequest asked;
    bool allowed;
  };
  const Row rows[] = {
      {"", {ClientIdView("any"), {}, {}}, true},
      {"", {{}, ResourceIdView("/any"), {}}, true},
      {"c1", {}, true},
      {"c1", {ClientIdView("C1"), {}, {}}, true},
      {"c1", {ClientIdView("c2"), {}, {}}, false},
      {"c1", {{}, ResourceIdView("/c1"), {}}, false},
      {"c1", {{}, {}, ObjectIdView("o")}, false},
      {"system", {}, true},
      {"system", {ClientIdView("c1"), {}, {}}, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(!controller_may_not_have(row.configured, row.asked), row.allowed)
        << row.configured << " " << row.asked.client_id.text() << row.asked.resource_id.text();
  }
}

TEST(Serving, AddressesAreOwnedUntilThePodIsGoneWhateverTheTime) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    Subject subject;
    c.change(subject);
    const ServingTerms terms({subject.pod, subject.deletion, {}, subject.mic_namespace});
    const bool lives = !subject.pod.node_name.empty() && !subject.pod.host_network &&
                       (subject.pod.phase == "Running" || subject.pod.phase == "Pending");
    EXPECT_EQ(terms.owns_its_addresses(), lives);
  }
}

TEST(Serving, ATerminatingPodIsServedUntilTheLastMoment) {
  Subject subject;
  subject.delete_at(kNow + seconds(30));
  const ServingTerms terms({subject.pod, subject.deletion, {}, ""});
  EXPECT_EQ(terms.until(), kNow + seconds(30));
  EXPECT_EQ(terms.at(terms.until() - Time::duration(1)), Serving::served);
  EXPECT_EQ(terms.at(terms.until()), Serving::grace_period_over);
}

TEST(Serving, VerdictsAndNames) {
  EXPECT_EQ(verdict_of(Serving::host_network), ServingVerdict::refused);
  EXPECT_EQ(verdict_of(Serving::excepted), ServingVerdict::passed_through);
  EXPECT_EQ(verdict_of(Serving::controller), ServingVerdict::passed_through);
  EXPECT_EQ(verdict_of(Serving::served), ServingVerdict::served);
  EXPECT_EQ(to_string(Serving::grace_period_over), "grace_period_over");
  EXPECT_EQ(to_string(Serving::unscheduled), "unscheduled");
}

TEST(Serving, TheExceptionThatSelectsThePodIsNamed) {
  Subject subject;
  AzurePodIdentityException other = subject.exception;
  other.meta.name = "others";
  other.pod_labels = {{"app", "agent"}};
  subject.except();
  const std::array exceptions = {&std::as_const(other), &std::as_const(subject.exception)};
  const ServingInput input{subject.pod, {}, exceptions, ""};
  CheckList checks;
  record_serving(input, ServingTerms(input), kNow, checks);
  EXPECT_EQ(checks.back().object, "azurepodidentityexception shop/agents");
}

TEST(Serving, AnAssignmentIsConfirmedByItsIdentityAsItIsOrWas) {
  const AzureIdentity reader = make_identity("shop", "reader");
  AzureAssignedIdentity assigned = make_assigned(make_pod("shop", "web"), reader, make_binding("shop", "b", "reader"));
  assigned.meta.uid = "uid-assigned";
  AzureIdentity rotated = reader;
  rotated.client_id = ClientId("client-of-tomorrow");
  EXPECT_TRUE(is_confirmed(assigned, &reader, {}));
  EXPECT_FALSE(is_confirmed(assigned, nullptr, {}));
  EXPECT_FALSE(is_confirmed(assigned, &rotated, {}));

  const std::array before = {&std::as_const(assigned)};
  EXPECT_TRUE(is_confirmed(assigned, &rotated, before)) << "nothing is interrupted";
  EXPECT_FALSE(is_confirmed(assigned, nullptr, before)) << "the identity is gone";
  AzureAssignedIdentity forged = assigned;
  forged.identity.client_id = ClientId("client-admin");
  EXPECT_FALSE(is_confirmed(forged, &rotated, before));
  AzureAssignedIdentity another = assigned;
  another.meta.uid = "uid-another";
  EXPECT_FALSE(is_confirmed(another, &rotated, before));
}

// SEC-11: the binding as it is now, not its copy.
TEST(Serving, AnAssignmentIsBackedByALiveBinding) {
  const Pod pod = make_pod("shop", "web");
  const AzureIdentity reader = make_identity("vault", "reader");
  const AzureIdentityBinding binding = make_binding("vault", "b", "reader");
  const AzureAssignedIdentity assigned = make_assigned(pod, reader, binding);
  EXPECT_TRUE(is_backed(assigned, &binding, pod));
  EXPECT_FALSE(is_backed(assigned, nullptr, pod));
  AzureIdentityBinding changed = binding;
  changed.selector = "writer";
  EXPECT_FALSE(is_backed(assigned, &changed, pod));
  changed = binding;
  changed.azure_identity = "writer";
  EXPECT_FALSE(is_backed(assigned, &changed, pod));
  changed = binding;
  changed.meta.ns = "shop";
  EXPECT_FALSE(is_backed(assigned, &changed, pod)) << "it names an AzureIdentity of its own namespace";
  changed = binding;
  changed.weight = 7;
  EXPECT_TRUE(is_backed(assigned, &changed, pod));

  EXPECT_EQ(doubt_of(assigned, {.declared = &reader, .live = &binding, .pod = pod, .confirmed_before = {}}),
            std::nullopt);
  EXPECT_EQ(doubt_of(assigned, {.declared = &reader, .live = nullptr, .pod = pod, .confirmed_before = {}}),
            Doubt::binding);
  EXPECT_EQ(doubt_of(assigned, {.declared = nullptr, .live = nullptr, .pod = pod, .confirmed_before = {}}),
            Doubt::identity);
}

}  // namespace
}  // namespace podid::core
