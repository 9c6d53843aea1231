// SPDX-License-Identifier: Apache-2.0
// The verbs on single objects, over HTTP.
#include <fmt/format.h>

#include "lab/apiserver/server_fixture.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::apiserver {
namespace {

class ObjectsTest : public ServerTest {};

TEST_F(ObjectsTest, CreateSetsWhatTheServerOwns) {
  const Response made = create_pod("p", "node-a");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"apiVersion"}), "v1");
  EXPECT_EQ(at(made.body, {"metadata", "namespace"}), "default");
  EXPECT_EQ(at(made.body, {"metadata", "generation"}), "1");
  EXPECT_EQ(at(made.body, {"metadata", "creationTimestamp"}), "2027-01-15T08:00:00Z");
  EXPECT_EQ(at(made.body, {"metadata", "uid"}).size(), 36U);
  EXPECT_EQ(at(made.body, {"metadata", "resourceVersion"}), revision());
  EXPECT_EQ(at(made.body, {"spec", "restartPolicy"}), "Always");
  EXPECT_EQ(at(made.body, {"status", "phase"}), "Pending");
  EXPECT_EQ(get(fmt::format("{}/p", kPods)).body, made.body);
}

TEST_F(ObjectsTest, GenerateNameMakesNames) {
  const Response made = post(kConfigMaps, R"({"metadata":{"generateName":"cm-"}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"metadata", "name"}).size(), 8U);
  EXPECT_EQ(at(made.body, {"metadata", "name"}).substr(0, 3), "cm-");
}

struct BadCreate {
  std::string_view target;
  std::string_view body;
  int status;
  std::string_view reason;
  std::string_view fields;
};

class BadCreatesTest : public ServerTest, public testing::WithParamInterface<BadCreate> {};

TEST_P(BadCreatesTest, AreRefused) {
  const Response refused = post(GetParam().target, GetParam().body);
  EXPECT_EQ(refused.status, GetParam().status) << refused.text;
  EXPECT_EQ(at(refused.body, {"kind"}), "Status");
  EXPECT_EQ(at(refused.body, {"code"}), std::to_string(GetParam().status));
  EXPECT_EQ(refused.reason(), GetParam().reason) << refused.text;
  EXPECT_EQ(refused.cause_fields(), GetParam().fields);
  EXPECT_FALSE(refused.message().empty());
}

constexpr std::string_view kPodsPath = "/api/v1/namespaces/default/pods";
INSTANTIATE_TEST_SUITE_P(
    All, BadCreatesTest,
    testing::Values(
        BadCreate{kPodsPath, "{nope", 400, "BadRequest", ""}, BadCreate{kPodsPath, "[]", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"kind":"Secret"})", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"apiVersion":"v9"})", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"metadata":{"labels":{"a":1}}})", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"metadata":{"name":"p"},"spec":{"nodeName":4}})", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"metadata":{"name":"p","namespace":"x"}})", 400, "BadRequest", ""},
        BadCreate{kPodsPath, R"({"metadata":{"name":"p"}})", 422, "Invalid", "spec.containers"},
        BadCreate{kPodsPath, R"({"metadata":{"name":"P"},"spec":{"containers":[{"name":"c"}]}})", 422, "Invalid",
                  "metadata.name spec.containers[0].image"},
        BadCreate{kPodsPath, R"({"spec":{"containers":[{"name":"c","image":"i"}]}})", 422, "Invalid", "metadata.name"},
        BadCreate{"/api/v1/namespaces/none/configmaps", R"({"metadata":{"name":"c"}})", 404, "NotFound", ""},
        BadCreate{"/api/v1/namespaces", R"({"metadata":{"name":"a.b"}})", 422, "Invalid", "metadata.name"},
        BadCreate{"/api/v1/namespaces/default/secrets", R"({"metadata":{"name":"s"},"data":{"a":"!"}})", 400,
                  "BadRequest", ""},
        BadCreate{"/api/v1/namespaces/default/secrets", R"({"metadata":{"name":"s"},"stringData":{"a b":""}})", 422,
                  "Invalid", "data[a b]"},
        BadCreate{"/api/v1/namespaces/default/events",
                  R"({"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","namespace":"x"}})", 422,
                  "Invalid", "involvedObject.namespace"},
        BadCreate{"/apis/coordination.k8s.io/v1/namespaces/default/leases",
                  R"({"metadata":{"name":"l"},"spec":{"leaseDurationSeconds":0}})", 422, "Invalid",
                  "spec.leaseDurationSeconds"},
        BadCreate{"/api/v1/pods", "{}", 405, "MethodNotAllowed", ""},
        BadCreate{"/api/v1/namespaces/default/pods/p", "{}", 405, "MethodNotAllowed", ""},
        BadCreate{"/api/v1/namespaces/default/foos", "{}", 404, "NotFound", ""}));

TEST_F(ObjectsTest, ASecondCreateFindsTheFirst) {
  create_config_map("c");
  const Response again = create_config_map("c");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "AlreadyExists");
  EXPECT_EQ(again.message(), R"(configmaps "c" already exists)");
  EXPECT_EQ(at(again.body, {"details"}), R"({"name":"c","kind":"configmaps"})");
}

TEST_F(ObjectsTest, WhatIsNotThereIsNotFound) {
  const Response missing = get("/apis/coordination.k8s.io/v1/namespaces/default/leases/l");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.message(), R"(leases.coordination.k8s.io "l" not found)");
  EXPECT_EQ(remove(fmt::format("{}/p", kPods)).status, 404);
  EXPECT_EQ(merge(fmt::format("{}/p", kPods), "{}").status, 404);
  EXPECT_EQ(get("/apis/none.io/v1/x").text, "404 page not found\n");
}

TEST_F(ObjectsTest, UnknownFieldsAreDroppedReportedOrRefused) {
  const std::string body = R"({"metadata":{"name":"c","foo":1},"data":{},"extra":1})";
  const Response strict = post(fmt::format("{}?fieldValidation=Strict", kConfigMaps), body);
  EXPECT_EQ(strict.status, 400);
  EXPECT_NE(strict.message().find(R"(unknown field "metadata.foo", unknown field "extra")"), std::string::npos);
  const Response warned = post(kConfigMaps, body);
  EXPECT_EQ(warned.status, 201);
  EXPECT_EQ(warned.headers.find("Warning"), R"(299 - "unknown field \"metadata.foo\"")");
  EXPECT_EQ(at(warned.body, {"extra"}), "(absent)");
  EXPECT_EQ(post(fmt::format("{}?fieldValidation=perhaps", kConfigMaps), body).status, 422);
}

TEST_F(ObjectsTest, DryRunChangesNothing) {
  EXPECT_EQ(post(fmt::format("{}?dryRun=All", kConfigMaps), R"({"metadata":{"name":"c"}})").status, 201);
  EXPECT_EQ(names(kConfigMaps), "");
  create_config_map("c");
  EXPECT_EQ(merge(fmt::format("{}/c?dryRun=All", kConfigMaps), R"({"data":{"a":"z"}})").status, 200);
  EXPECT_EQ(remove(fmt::format("{}/c?dryRun=All", kConfigMaps)).status, 200);
  EXPECT_EQ(at(get(fmt::format("{}/c", kConfigMaps)).body, {"data", "a"}), "b");
  EXPECT_EQ(post(fmt::format("{}?dryRun=maybe", kConfigMaps), R"({"metadata":{"name":"d"}})").status, 422);
}

TEST_F(ObjectsTest, UpdatesAreOptimistic) {
  json::value mine = create_config_map("c").body;
  const json::value stale = mine;
  mine.as_object()["data"] = json::object{{"a", "1"}};
  const Response written = put(fmt::format("{}/c", kConfigMaps), mine);
  EXPECT_EQ(written.status, 200) << written.text;
  const Response refused = put(fmt::format("{}/c", kConfigMaps), stale);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.reason(), "Conflict");
  EXPECT_NE(refused.message().find("the object has been modified"), std::string::npos);
  // Nothing changes: nothing is written.
  EXPECT_EQ(put(fmt::format("{}/c", kConfigMaps), written.body).body, written.body);
  EXPECT_EQ(merge(fmt::format("{}/c", kConfigMaps), R"({"metadata":{"resourceVersion":"1"}})").status, 409);
}

TEST_F(ObjectsTest, UpdatesNameTheirObject) {
  create_config_map("c");
  const std::string target = fmt::format("{}/c", kConfigMaps);
  EXPECT_EQ(put(target, json::parse(R"({"metadata":{}})")).status, 400);
  EXPECT_EQ(put(target, json::parse(R"({"metadata":{"name":"d"}})")).status, 400);
  EXPECT_EQ(put(target, json::parse(R"({"metadata":{"name":"c","uid":"other"}})")).status, 409);
  EXPECT_EQ(put(target, json::parse(R"({"metadata":{"name":"c"}})")).status, 200)
      << "config maps need no resourceVersion";
  EXPECT_EQ(put(fmt::format("{}/d", kConfigMaps), json::parse(R"({"metadata":{"name":"d"}})")).status, 404);
}

TEST_F(ObjectsTest, LeasesAreMadeByPutAndNeedARevisionAfterwards) {
  const std::string target = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const json::value lease = json::parse(R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"me"}})");
  EXPECT_EQ(put(target, lease).status, 201);
  const Response refused = put(target, lease);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.cause_fields(), "metadata.resourceVersion");
}

TEST_F(ObjectsTest, TheMainEndpointKeepsStatusAndTheStatusEndpointSpec) {
  create_pod("p", "node-a");
  const std::string target = fmt::format("{}/p", kPods);
  EXPECT_EQ(at(merge(target, R"({"status":{"phase":"Running"}})").body, {"status", "phase"}), "Pending");
  const Response status = merge(target + "/status", R"({"status":{"phase":"Running"},"spec":{"nodeName":"x"}})");
  EXPECT_EQ(at(status.body, {"status", "phase"}), "Running");
  EXPECT_EQ(at(status.body, {"spec", "nodeName"}), "node-a");
  EXPECT_EQ(at(status.body, {"metadata", "generation"}), "1");
  const Response image =
      patch(target, "application/strategic-merge-patch+json", R"({"spec":{"containers":[{"name":"c","image":"j"}]}})");
  EXPECT_EQ(at(image.body, {"metadata", "generation"}), "2");
  EXPECT_EQ(merge(target, R"({"spec":{"nodeName":"x"}})").cause_fields(), "spec");
}

TEST_F(ObjectsTest, EventsHaveTwoForms) {
  const std::string core = "/api/v1/namespaces/default/events";
  const std::string series = "/apis/events.k8s.io/v1/namespaces/default/events";
  const Response made = post(series, R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},
    "eventTime":"2027-01-15T08:00:00.000000Z","reportingController":"a.io/c","reportingInstance":"n","action":"A",
    "reason":"R","type":"Normal","note":"text","regarding":{"kind":"Pod","name":"p","namespace":"default"}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"apiVersion"}), "events.k8s.io/v1");
  EXPECT_EQ(at(made.body, {"note"}), "text");
  const Response old = get(core + "/e");
  EXPECT_EQ(at(old.body, {"apiVersion"}), "v1");
  EXPECT_EQ(at(old.body, {"message"}), "text");
  EXPECT_EQ(at(old.body, {"involvedObject", "name"}), "p");
  EXPECT_EQ(at(old.body, {"reportingComponent"}), "a.io/c");
  EXPECT_EQ(at(old.body, {"metadata", "uid"}), at(made.body, {"metadata", "uid"}));

  const std::string counted = R"({"series":{"count":3,"lastObservedTime":"2027-01-15T08:00:01.000000Z"}})";
  const Response patched = merge(series + "/e", counted);
  EXPECT_EQ(patched.status, 200) << patched.text;
  EXPECT_EQ(at(patched.body, {"regarding", "name"}), "p");
  EXPECT_EQ(at(get(core + "/e").body, {"series", "count"}), "3");
  EXPECT_EQ(at(get(series).body, {"items"}), "[" + json::serialize(get(series + "/e").body) + "]");
  EXPECT_EQ(merge(series + "/e", R"({"note":"other"})").cause_fields(), "note");
  EXPECT_EQ(merge(series + "/e", R"({"series":{"count":1}})").cause_fields(), "series.count");
  EXPECT_EQ(post(series, R"({"metadata":{"name":"bare"},"regarding":{"namespace":"default"}})").cause_fields(),
            "eventTime reportingController reportingInstance action reason type");
  EXPECT_EQ(remove(series + "/e").status, 200);
  EXPECT_EQ(names(core), "");
}

TEST_F(ObjectsTest, PodsAreBoundAndEvicted) {
  create_pod("p");
  const std::string binding = fmt::format("{}/p/binding", kPods);
  EXPECT_EQ(post(binding, R"({"target":{"kind":"Node","name":"n1"}})").status, 201);
  EXPECT_EQ(at(get(fmt::format("{}/p", kPods)).body, {"spec", "nodeName"}), "n1");
  EXPECT_EQ(post(binding, R"({"target":{"kind":"Node","name":"n2"}})").status, 409);
  EXPECT_EQ(post(fmt::format("{}/p/eviction", kPods), R"({"kind":"Eviction","apiVersion":"policy/v1"})").status, 201);
  EXPECT_EQ(names(kPods), "");
}

TEST_F(ObjectsTest, SecretsFoldTheirPlainTexts) {
  const Response secret =
      post("/api/v1/namespaces/default/secrets", R"({"metadata":{"name":"s"},"stringData":{"a":"b"}})");
  EXPECT_EQ(at(secret.body, {"data", "a"}), "Yg==");
  EXPECT_EQ(at(secret.body, {"stringData"}), "(absent)");
  EXPECT_EQ(at(secret.body, {"type"}), "Opaque");
}

TEST_F(ObjectsTest, DeleteAnswersWithAStatusOrThePod) {
  create_config_map("c");
  const Response gone = remove(fmt::format("{}/c", kConfigMaps));
  EXPECT_EQ(at(gone.body, {"status"}), "Success");
  EXPECT_EQ(at(gone.body, {"details", "kind"}), "configmaps");
  create_pod("p", "n");
  const Response pod = remove(fmt::format("{}/p", kPods), R"({"gracePeriodSeconds":30})");
  EXPECT_EQ(at(pod.body, {"kind"}), "Pod");
  EXPECT_EQ(at(pod.body, {"metadata", "deletionGracePeriodSeconds"}), "0");
  EXPECT_EQ(get(fmt::format("{}/p", kPods)).status, 404);
}

TEST_F(ObjectsTest, DeleteHonoursPreconditions) {
  const Response made = create_config_map("c");
  const std::string target = fmt::format("{}/c", kConfigMaps);
  EXPECT_EQ(remove(target, R"({"preconditions":{"uid":"x"}})").status, 409);
  EXPECT_EQ(remove(target, R"({"preconditions":{"resourceVersion":"1"}})").status, 409);
  EXPECT_EQ(remove(target, R"({"propagationPolicy":"Perhaps"})").status, 422);
  EXPECT_EQ(
      remove(target, fmt::format(R"({{"preconditions":{{"uid":"{}"}}}})", at(made.body, {"metadata", "uid"}))).status,
      200);
}

TEST_F(ObjectsTest, FinalizersHoldAnObjectUntilTheyAreGone) {
  post(kConfigMaps, R"({"metadata":{"name":"c","finalizers":["x.y/z"]}})");
  const std::string target = fmt::format("{}/c", kConfigMaps);
  const Response ending = remove(target);
  EXPECT_EQ(ending.status, 200);
  EXPECT_EQ(at(ending.body, {"metadata", "deletionTimestamp"}), "2027-01-15T08:00:00Z");
  EXPECT_EQ(remove(target).body, ending.body) << "a second delete changes nothing";
  EXPECT_EQ(merge(target, R"({"metadata":{"finalizers":["x.y/z","q.r/s"]}})").cause_fields(), "metadata.finalizers");
  const Response freed = merge(target, R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(freed.status, 200);
  EXPECT_EQ(get(target).status, 404);
}

TEST_F(ObjectsTest, ANamespaceTakesItsContentsAlong) {
  post("/api/v1/namespaces", R"({"metadata":{"name":"shop"}})");
  post("/api/v1/namespaces/shop/configmaps", R"({"metadata":{"name":"c"}})");
  post("/api/v1/namespaces/shop/secrets", R"({"metadata":{"name":"held","finalizers":["x.y/z"]}})");
  const Response ending = remove("/api/v1/namespaces/shop");
  EXPECT_EQ(at(ending.body, {"status", "phase"}), "Terminating");
  EXPECT_EQ(names("/api/v1/namespaces/shop/configmaps"), "");
  const Response refused = post("/api/v1/namespaces/shop/configmaps", R"({"metadata":{"name":"d"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.cause_fields(), "metadata.namespace");
  EXPECT_EQ(get("/api/v1/namespaces/shop").status, 200) << "the secret is still held";
  merge("/api/v1/namespaces/shop/secrets/held", R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(get("/api/v1/namespaces/shop").status, 404);
  EXPECT_EQ(remove("/api/v1/namespaces/default").status, 403);
}

TEST_F(ObjectsTest, DeleteCollectionTakesWhatIsSelected) {
  create_config_map("a", R"({"x":"1"})");
  create_config_map("b", R"({"x":"2"})");
  const Response removed = remove(fmt::format("{}?labelSelector=x=1", kConfigMaps));
  EXPECT_EQ(at(removed.body, {"kind"}), "ConfigMapList");
  EXPECT_EQ(names(kConfigMaps), "b");
}

TEST_F(ObjectsTest, ServerSideApplyCreatesAndMerges) {
  const std::string target = fmt::format("{}/c?fieldManager=test", kConfigMaps);
  const std::string yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n";
  EXPECT_EQ(patch(target, "application/apply-patch+yaml", yaml).status, 201);
  const Response again =
      patch(target, "application/apply-patch+yaml", R"({"apiVersion":"v1","kind":"ConfigMap","data":{"c":"d"}})");
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(at(again.body, {"data"}), R"({"a":"b","c":"d"})");
  EXPECT_EQ(patch(fmt::format("{}/c", kConfigMaps), "application/apply-patch+yaml", yaml).cause_fields(),
            "fieldManager");
}

TEST_F(ObjectsTest, BodiesHaveKnownTypesAndABoundedSize) {
  create_config_map("c");
  EXPECT_EQ(patch(fmt::format("{}/c", kConfigMaps), "application/json", "{}").status, 415);
  EXPECT_EQ(send("POST", kConfigMaps, "x", {{"Content-Type", "text/plain"}}).status, 415);
  const Response yaml = send("POST", kConfigMaps, "metadata: {name: y}", {{"Content-Type", "application/yaml"}});
  EXPECT_EQ(yaml.status, 201) << yaml.text;
  EXPECT_EQ(get(kConfigMaps, "text/plain").status, 406);
  start({.limits = {.max_body_bytes = 1000, .max_object_bytes = 500}});
  const std::string big = fmt::format(R"({{"metadata":{{"name":"c"}},"data":{{"a":"{}"}}}})", std::string(600, 'x'));
  EXPECT_EQ(post(kConfigMaps, big).status, 413);
  EXPECT_EQ(post(kConfigMaps, std::string(2000, ' ')).status, 413);
}

TEST_F(ObjectsTest, ThereIsALimitOfObjects) {
  start({.limits = {.max_objects = 5}});  // four namespaces are there
  EXPECT_EQ(create_config_map("a").status, 201);
  EXPECT_EQ(create_config_map("b").status, 500);
}

TEST_F(ObjectsTest, TokensDecideWhoMayAsk) {
  std::vector<TokenUser> tokens;
  tokens.push_back({.token = base::Secret("t0ken"), .user = "alice", .groups = {}});
  start({.tokens = std::move(tokens)});
  EXPECT_EQ(get(kPods).status, 403);
  EXPECT_NE(get(kPods).message().find(R"(User "system:anonymous" cannot list resource "pods")"), std::string::npos);
  EXPECT_EQ(get("/readyz").text, "ok");
  EXPECT_EQ(get("/version").status, 200);
  default_headers_ = {{"Authorization", "Bearer wrong"}};
  EXPECT_EQ(get(kPods).status, 401);
  default_headers_ = {{"Authorization", "Bearer t0ken"}};
  EXPECT_EQ(get(kPods).status, 200);
  const Response who = post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  EXPECT_EQ(at(who.body, {"status", "userInfo", "username"}), "alice");
  const Response may = post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", R"({"spec":{"x":1}})");
  EXPECT_EQ(at(may.body, {"status", "allowed"}), "true");
}

TEST_F(ObjectsTest, ARestartKeepsObjectsAndRevisions) {
  const test::TemporaryFolder folder;
  start({.state_file = folder.file("state")});
  install_crds();
  create_config_map("c");
  post(kIdentities, R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentity","metadata":{"name":"i"}})");
  const Response before = get(fmt::format("{}/c", kConfigMaps));
  const std::string revision_before = revision();
  start({.state_file = folder.file("state")});
  EXPECT_EQ(get(fmt::format("{}/c", kConfigMaps)).body, before.body);
  EXPECT_EQ(names(kIdentities), "i");
  EXPECT_EQ(revision(), revision_before);
  EXPECT_EQ(watch(fmt::format("{}?watch=true&resourceVersion=2", kConfigMaps)).next_text(), "ADDED c");
}

}  // namespace
}  // namespace podid::lab::apiserver
