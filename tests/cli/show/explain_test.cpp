// SPDX-License-Identifier: Apache-2.0
#include "cli/show/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>

#include "base/time_text.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using core::CheckOutcome;
using test::make_assigned;
using test::make_binding;
using test::make_identity;
using test::make_pod;
using ::testing::HasSubstr;

const base::WallTime kNow = base::parse_rfc3339("2026-11-24T08:00:00Z").value();

// Pod shop/web, bound to shop/reader, whose assignment is Assigned.
PodObjects served_pod() {
  PodObjects objects{.pod = make_pod("shop", "web")};
  objects.pod.pod_ips = {"10.244.1.5"};
  objects.identities = {make_identity("shop", "reader")};
  objects.bindings = {make_binding("shop", "reader-binding", "reader")};
  objects.assigned = {make_assigned(objects.pod, objects.identities[0], objects.bindings[0])};
  return objects;
}

// What the NMI knows the MIC's pods by (NMI-2), but for the namespace.
void make_controller(core::Pod& pod) {
  pod.replica_set = "mic-5d4f";
  pod.service_account = "aad-pod-id-mic-service-account";
}

struct Case {
  const char* name;
  std::function<void(PodObjects&, ExplainRequest&)> change;  // of served_pod()
  std::string reason;                                        // "none": granted
  std::string check;                                         // the check that decides, with its result
  CheckOutcome outcome;
  std::string says;  // part of its text or remedy
  bool waiting_may_help = false;
};

class ExplainTest : public ::testing::TestWithParam<Case> {};

TEST_P(ExplainTest, NamesTheCheckThatDecides) {
  const Case& c = GetParam();
  PodObjects objects = served_pod();
  ExplainRequest request;
  c.change(objects, request);
  const Explanation explanation = explain(objects, request, kNow);
  EXPECT_EQ(explanation.granted, c.reason == "none");
  EXPECT_EQ(explanation.reason, c.reason) << to_text(explanation);
  EXPECT_EQ(explanation.waiting_may_help, c.waiting_may_help);
  const bool found = std::ranges::any_of(explanation.checks, [&c](const core::Check& check) {
    return core::to_string(check.id) == c.check && check.outcome == c.outcome &&
           (check.text.contains(c.says) || check.remedy.contains(c.says));
  });
  EXPECT_TRUE(found) << "no " << c.check << " that says: " << c.says << "\n" << to_text(explanation);
}

const Case kCases[] = {
    {"Granted", [](PodObjects&, ExplainRequest&) {}, "none", "choice", CheckOutcome::passed,
     "is used for pod shop/web"},
    {"NoLabel", [](PodObjects& o, ExplainRequest&) { o.pod.labels.clear(); }, "no_binding_label", "binding_label",
     CheckOutcome::failed, "label the pod (in its template) aadpodidbinding="},
    {"NoBinding",
     [](PodObjects& o, ExplainRequest&) {
       o.bindings[0].selector = "writer";
       o.assigned.clear();
     },
     "no_matching_binding", "binding_selects", CheckOutcome::failed, "spec.selector reader"},
    {"BindingWithoutIdentity",
     [](PodObjects& o, ExplainRequest&) {
       o.identities.clear();
       o.assigned.clear();
     },
     "identity_missing", "identity_exists", CheckOutcome::failed, "azureidentity shop/reader, which does not exist"},
    {"InvalidResourceId",
     [](PodObjects& o, ExplainRequest&) {
       o.identities[0].resource_id = core::ResourceId("reader");
       o.assigned.clear();
     },
     "identity_missing", "identity_exists", CheckOutcome::failed, "correct spec.resourceID"},
    {"NotYetMadeByTheMic", [](PodObjects& o, ExplainRequest&) { o.assigned.clear(); }, "awaiting_creation",
     "assignment_exists", CheckOutcome::failed, "wait for the MIC", true},
    {"Created", [](PodObjects& o, ExplainRequest&) { o.assigned[0].status = core::kCreated; }, "awaiting_assignment",
     "assignment_status", CheckOutcome::failed, "not yet confirmed on node node-a", true},
    {"AssignmentOfAnotherNode", [](PodObjects& o, ExplainRequest&) { o.pod.node_name = "node-b"; },
     "untrusted_assignment", "assignment_trusted", CheckOutcome::failed, "for another node", true},
    {"AssignmentOfAnIdentityThatIsGone", [](PodObjects& o, ExplainRequest&) { o.identities.clear(); },
     "untrusted_assignment", "assignment_trusted", CheckOutcome::failed, "not what the AzureIdentity of that name says",
     true},
    {"AssignmentOfAnotherClientId",
     [](PodObjects& o, ExplainRequest&) { o.assigned[0].identity.client_id = core::ClientId("other"); },
     "untrusted_assignment", "assignment_trusted", CheckOutcome::failed, "not what the AzureIdentity of that name says",
     true},
    {"OtherClientId",
     [](PodObjects&, ExplainRequest& r) { r.client_id = core::ClientId("11111111-2222-3333-4444-555555555555"); },
     "not_requested", "identity_requested", CheckOutcome::failed, "is not client_id 1111##### REDACTED #####5555"},
    {"ClientIdInAnotherCase", [](PodObjects&, ExplainRequest& r) { r.client_id = core::ClientId("CLIENT-READER"); },
     "none", "identity_requested", CheckOutcome::passed, "is the identity asked for"},
    {"ForcedNamespaced",
     [](PodObjects& o, ExplainRequest& r) {
       r.namespaced = true;
       o.identities = {make_identity("vault", "reader")};
       o.bindings = {make_binding("vault", "reader-binding", "reader")};
       o.assigned = {make_assigned(o.pod, o.identities[0], o.bindings[0])};
     },
     "namespace_rule", "namespace_rule", CheckOutcome::failed, "only be used by pods of namespace vault"},
    {"ManagedMode",
     [](PodObjects& o, ExplainRequest& r) {
       r.mode = core::OperationMode::managed;
       o.assigned.clear();
     },
     "none", "choice", CheckOutcome::passed, "is used for"},
    {"ManagedModeLooksAtThePodsNamespaceOnly",
     [](PodObjects& o, ExplainRequest& r) {
       r.mode = core::OperationMode::managed;
       o.bindings = {make_binding("vault", "reader-binding", "reader")};
     },
     "no_matching_binding", "binding_selects", CheckOutcome::skipped, "lies in another namespace"},
    {"Exception",
     [](PodObjects& o, ExplainRequest&) {
       o.bindings.clear();
       o.exceptions.resize(1);
       o.exceptions[0].meta.ns = "shop";
       o.exceptions[0].meta.name = "trusted";
       o.exceptions[0].pod_labels = {{std::string(core::kBindingLabel), "reader"}};
     },
     "none", "exception", CheckOutcome::passed, "go on to the node's own endpoint"},
    {"Controller",
     [](PodObjects& o, ExplainRequest& r) {
       make_controller(o.pod);
       r.mic_namespace = "Shop";
     },
     "none", "controller", CheckOutcome::passed, "is a pod of the MIC"},
    {"ExceptedAsTheController",
     [](PodObjects& o, ExplainRequest&) {
       o.pod.labels["component"] = "mic";
       o.exceptions.resize(1);
       o.exceptions[0].meta.ns = "shop";
       o.exceptions[0].pod_labels = {{"component", "mic"}};
     },
     "none", "exception", CheckOutcome::passed, "as the controller"},
    {"ControllerInAnotherNamespace",
     [](PodObjects& o, ExplainRequest&) {
       make_controller(o.pod);
       o.assigned.clear();
     },
     "awaiting_creation", "assignment_exists", CheckOutcome::failed, "wait for the MIC", true},
    {"ControllerWithoutShortCircuit",
     [](PodObjects& o, ExplainRequest& r) {
       make_controller(o.pod);
       o.assigned.clear();
       r.mic_namespace = "";
     },
     "awaiting_creation", "assignment_exists", CheckOutcome::failed, "wait for the MIC", true},
    {"FinishedController",
     [](PodObjects& o, ExplainRequest& r) {
       make_controller(o.pod);
       r.mic_namespace = "shop";
       o.pod.phase = "Failed";
     },
     "pod_not_served", "pod_phase", CheckOutcome::failed, "is Failed"},
    {"Unscheduled",
     [](PodObjects& o, ExplainRequest&) {
       o.pod.node_name.clear();
       o.pod.phase = "Pending";
       o.assigned.clear();
     },
     "pod_not_served", "pod_node", CheckOutcome::failed, "on no node yet", true},
    {"Finished", [](PodObjects& o, ExplainRequest&) { o.pod.phase = "Succeeded"; }, "pod_not_served", "pod_phase",
     CheckOutcome::failed, "is Succeeded: its containers have ended"},
    {"LostNode", [](PodObjects& o, ExplainRequest&) { o.pod.phase = "Unknown"; }, "pod_not_served", "pod_phase",
     CheckOutcome::failed, "its node does not answer"},
    {"Terminating", [](PodObjects& o, ExplainRequest&) { o.pod.deletion_timestamp = "2026-11-24T08:00:30Z"; }, "none",
     "pod_phase", CheckOutcome::passed, "it is served until 2026-11-24T08:00:30Z"},
    {"GracePeriodOver", [](PodObjects& o, ExplainRequest&) { o.pod.deletion_timestamp = "2026-11-24T07:59:30Z"; },
     "pod_not_served", "pod_phase", CheckOutcome::failed, "was to be gone at 2026-11-24T07:59:30Z"},
    {"HostNetwork", [](PodObjects& o, ExplainRequest&) { o.pod.host_network = true; }, "pod_not_served", "pod_network",
     CheckOutcome::failed, "do not pass the NMI"},
    {"NoAddressYet", [](PodObjects& o, ExplainRequest&) { o.pod.pod_ips.clear(); }, "none", "pod_network",
     CheckOutcome::skipped, "has no address yet"},
};

INSTANTIATE_TEST_SUITE_P(Cases, ExplainTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ExplainText, ShowsAGrantedPod) {
  EXPECT_EQ(to_text(explain(served_pod(), {}, kNow)),
            R"(pod          shop/web (Running on node-a, 10.244.1.5)
asked for    any identity, in standard mode
bindings     shop/reader-binding (azureidentity shop/reader)
assignments  default/web-shop-reader (azureidentity shop/reader on node-a: Assigned)

RESULT   CHECK               FINDING
passed   pod_node            pod shop/web: is on node node-a
passed   pod_phase           pod shop/web: is Running
passed   pod_network         pod shop/web: has address 10.244.1.5
passed   pod_known           pod shop/web: exists
passed   binding_label       pod shop/web: has label aadpodidbinding=reader
passed   binding_selects     azureidentitybinding shop/reader-binding: selects pod shop/web
passed   identity_exists     azureidentity shop/reader: exists; named by azureidentitybinding shop/reader-binding
passed   assignment_exists   azureassignedidentity default/web-shop-reader: is for pod shop/web and azureidentity shop/reader
passed   assignment_trusted  azureassignedidentity default/web-shop-reader: is as the controller writes it
passed   assignment_status   azureassignedidentity default/web-shop-reader: is Assigned
passed   choice              azureidentity shop/reader: is used for pod shop/web

granted: the pod gets tokens of azureidentity shop/reader, by azureidentitybinding shop/reader-binding
)");
}

TEST(ExplainText, ShowsARefusedPodWithRemedies) {
  PodObjects objects = served_pod();
  objects.assigned.clear();
  objects.bindings[0].selector = "readers";
  objects.unreadable = {"azureidentity shop/broken: spec.type: expected an integer, found a string"};
  const std::string text = to_text(explain(objects, {}, kNow));
  EXPECT_THAT(text,
              HasSubstr("bindings     none selects it; selectors of others: readers\n"
                        "assignments  none\n"
                        "unreadable   azureidentity shop/broken: spec.type: expected an integer, found a string\n"));
  EXPECT_THAT(text,
              HasSubstr("failed   binding_selects     pod shop/web: no AzureIdentityBinding has spec.selector reader\n"
                        "                             remedy: create an AzureIdentityBinding"));
  EXPECT_THAT(text, HasSubstr("\nrefused (no_matching_binding): no AzureIdentityBinding has the selector reader"));
  EXPECT_THAT(text,
              HasSubstr("skipped  assignment_exists   pod shop/web: has no AzureAssignedIdentity: the MIC makes one"));
  EXPECT_THAT(text, HasSubstr("Waiting does not help"));
}

// SEC-11
TEST(ExplainText, AnAssignmentThatOutlivesItsBindingDoesNotCount) {
  PodObjects unbound = served_pod();
  unbound.bindings.clear();
  const Explanation refused = explain(unbound, {}, kNow);
  EXPECT_FALSE(refused.granted);
  EXPECT_THAT(to_text(refused), HasSubstr("is not trusted: its AzureIdentityBinding is gone, or does not give the pod "
                                          "this identity any more"));
  EXPECT_THAT(to_text(refused),
              HasSubstr("\nrefused (untrusted_assignment): the AzureIdentityBinding of the AzureAssignedIdentity of "));
}

TEST(ExplainText, APodThatIsPassedThrough) {
  PodObjects objects = served_pod();
  make_controller(objects.pod);
  ExplainRequest request;
  request.mic_namespace = "shop";
  const std::string text = to_text(explain(objects, request, kNow));
  EXPECT_THAT(text,
              HasSubstr("passed   pod_network         pod shop/web: has address 10.244.1.5\n"
                        "passed   controller          pod shop/web: is a pod of the MIC, whose namespace is shop: "
                        "it gets tokens of the node's own identities\n\n"
                        "granted: the pod gets what its node gets: it is a pod of the MIC\n"));
}

TEST(ExplainText, ManySelectorsAreCounted) {
  PodObjects objects = served_pod();
  objects.bindings.clear();
  for (char c = 'a'; c < 'a' + 12; ++c) objects.bindings.push_back(make_binding("shop", {c}, "reader", {'s', c}));
  EXPECT_THAT(to_text(explain(objects, {}, kNow)), HasSubstr("sa, sb, sc, sd, se, sf, sg, sh, si, sj and 2 more\n"));
  objects.bindings.clear();
  EXPECT_THAT(to_text(explain(objects, {}, kNow)), HasSubstr("bindings     none exists\n"));
}

TEST(ExplainJson, HasEverythingThatTheTextHas) {
  const boost::json::object json = to_json(explain(served_pod(), {}, kNow));
  EXPECT_EQ(json.at("pod").at("name"), "shop/web");
  EXPECT_EQ(json.at("assignments").at(0).at("state"), "Assigned");
  EXPECT_EQ(json.at("bindings").at(0).at("binding"), "shop/reader-binding");
  const boost::json::array& checks = json.at("checks").as_array();
  EXPECT_EQ(checks.back().at("check"), "choice");
  EXPECT_EQ(checks.back().at("result"), "passed");
  EXPECT_EQ(json.at("decision").at("serving"), "served");
  EXPECT_EQ(json.at("decision").at("granted"), true);
  EXPECT_EQ(json.at("decision").at("identity"), "shop/reader");
}

}  // namespace
}  // namespace podid::cli
