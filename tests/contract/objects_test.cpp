// SPDX-License-Identifier: Apache-2.0
// Create, read, replace, delete, and their conditions.
#include "contract/contract_fixture.hpp"

namespace podid::test {
namespace {

using base::ErrorKind;
using kube::kConfigMaps;
using kube::kPods;

class ObjectsContract : public Contract {};

TEST_F(ObjectsContract, CreatedObjectHasIdentityAndVersion) {
  const json::value made = create(kConfigMaps, config_map("a", {{"k", "v"}}));
  EXPECT_EQ(text_at(made, {"apiVersion"}), "v1");
  EXPECT_EQ(text_at(made, {"kind"}), "ConfigMap");
  EXPECT_EQ(text_at(made, {"metadata", "uid"}).size(), 36u);
  EXPECT_FALSE(text_at(made, {"metadata", "resourceVersion"}).empty());
  EXPECT_FALSE(text_at(made, {"metadata", "creationTimestamp"}).empty());
  EXPECT_EQ(get(kConfigMaps, "a"), made);
}

TEST_F(ObjectsContract, GenerateNameMakesAName) {
  json::object nameless = config_map("");
  nameless["metadata"] = json::object{{"generateName", "made-"}, {"namespace", ns()}};
  const json::value made = create(kConfigMaps, nameless);
  EXPECT_THAT(std::string(text_at(made, {"metadata", "name"})), ::testing::MatchesRegex("made-[a-z0-9]{5}"));
}

TEST_F(ObjectsContract, RefusalsAreStatuses) {
  create(kConfigMaps, config_map("a"));
  const base::Error twice = refused(client().create(kConfigMaps, config_map("a"), soon()));
  EXPECT_EQ(twice.kind, ErrorKind::already_exists);
  EXPECT_EQ(twice.code, "AlreadyExists");
  EXPECT_EQ(twice.message, "configmaps \"a\" already exists");
  const base::Error missing = refused(client().get(kConfigMaps, key("none"), soon()));
  EXPECT_EQ(missing.kind, ErrorKind::not_found);
  EXPECT_EQ(missing.message, "configmaps \"none\" not found");
  const base::Error nameless = refused(client().create(kConfigMaps, config_map("Not_A_Name"), soon()));
  EXPECT_EQ(nameless.kind, ErrorKind::invalid);
  EXPECT_EQ(nameless.http_status, 422);
}

TEST_F(ObjectsContract, UnknownTypeIsNotFound) {
  constexpr ResourceType kUnknown{"", "v1", "nonsense", "Nonsense"};
  EXPECT_EQ(refused(client().get(kUnknown, key("a"), soon())).kind, ErrorKind::not_found);
}

TEST_F(ObjectsContract, OutdatedReplaceIsAConflict) {
  const json::value first = create(kConfigMaps, config_map("a"));
  json::value changed = first;
  changed.as_object()["data"] = json::object{{"k", "1"}};
  const json::value second = ok(client().replace(kConfigMaps, changed, "", soon()));
  EXPECT_NE(second.at("metadata").at("resourceVersion"), first.at("metadata").at("resourceVersion"));
  const base::Error conflict = refused(client().replace(kConfigMaps, changed, "", soon()));
  EXPECT_EQ(conflict.kind, ErrorKind::conflict);
  EXPECT_EQ(conflict.code, "Conflict");
  // Without a version the last writer wins.
  changed.at("metadata").as_object().erase("resourceVersion");
  ok(client().replace(kConfigMaps, changed, "", soon()));
}

TEST_F(ObjectsContract, ReplaceWithoutAChangeKeepsTheVersion) {
  const json::value first = create(kConfigMaps, config_map("a", {{"k", "v"}}));
  const json::value second = ok(client().replace(kConfigMaps, first, "", soon()));
  EXPECT_EQ(second.at("metadata").at("resourceVersion"), first.at("metadata").at("resourceVersion"));
}

TEST_F(ObjectsContract, DeleteHonoursItsConditions) {
  const json::value made = create(kConfigMaps, config_map("a"));
  const std::string uid(text_at(made, {"metadata", "uid"}));
  EXPECT_EQ(
      refused(client().remove(kConfigMaps, key("a"), {.uid = "00000000-0000-0000-0000-000000000000"}, soon())).kind,
      ErrorKind::conflict);
  EXPECT_EQ(refused(client().remove(kConfigMaps, key("a"), {.uid = uid, .resource_version = "1"}, soon())).kind,
            ErrorKind::conflict);
  ok(client().remove(kConfigMaps, key("a"), {.uid = uid}, soon()));
  EXPECT_FALSE(exists(kConfigMaps, "a"));
  EXPECT_EQ(refused(client().remove(kConfigMaps, key("a"), {}, soon())).kind, ErrorKind::not_found);
}

TEST_F(ObjectsContract, FinalizerKeepsADeletedObjectUntilItIsRemoved) {
  json::object guarded = config_map("a");
  guarded["metadata"].as_object()["finalizers"] = json::array{"podid.example/one", "podid.example/two"};
  create(kConfigMaps, guarded);
  json::value deleted = ok(client().remove(kConfigMaps, key("a"), {}, soon()));
  // The answer is the object, as the removal of an AzureAssignedIdentity needs it.
  EXPECT_EQ(text_at(deleted, {"metadata", "name"}), "a");
  EXPECT_FALSE(text_at(deleted, {"metadata", "deletionTimestamp"}).empty());
  deleted.at("metadata").as_object()["finalizers"] = json::array{"podid.example/two"};
  const json::value left = ok(client().replace(kConfigMaps, deleted, "", soon()));
  EXPECT_TRUE(exists(kConfigMaps, "a"));
  patch(kConfigMaps, "a", kube::PatchType::merge, json::object{{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_FALSE(exists(kConfigMaps, "a"));
}

TEST_F(ObjectsContract, RecreatedObjectHasAnotherUid) {
  const json::value first = create(kConfigMaps, config_map("a"));
  remove(kConfigMaps, "a");
  const json::value second = create(kConfigMaps, config_map("a"));
  EXPECT_NE(first.at("metadata").at("uid"), second.at("metadata").at("uid"));
}

TEST_F(ObjectsContract, PodStatusIsASubresource) {
  create(kPods, pod("a"));
  json::value changed = get(kPods, "a");
  changed.as_object()["status"] = json::object{
      {"phase", "Running"}, {"podIP", "10.1.2.3"}, {"podIPs", json::array{json::object{{"ip", "10.1.2.3"}}}}};
  ok(client().replace(kPods, changed, "", soon()));
  EXPECT_NE(text_at(get(kPods, "a"), {"status", "phase"}), "Running");  // ignored on the main resource
  changed.at("metadata").as_object().erase("resourceVersion");
  ok(client().replace(kPods, changed, "status", soon()));
  EXPECT_EQ(text_at(get(kPods, "a"), {"status", "phase"}), "Running");
  patch(kPods, "a", kube::PatchType::merge, json::object{{"status", {{"phase", "Failed"}}}}, "status");
  const json::value stored = get(kPods, "a");
  EXPECT_EQ(text_at(stored, {"status", "phase"}), "Failed");
  EXPECT_EQ(text_at(stored, {"status", "podIP"}), "10.1.2.3");
}

TEST_F(ObjectsContract, SecretDataIsBase64) {
  create(kube::kSecrets, object("s", {{"stringData", {{"clientSecret", "pass"}}}}));
  EXPECT_EQ(text_at(get(kube::kSecrets, "s"), {"data", "clientSecret"}), "cGFzcw==");
  remove(kube::kSecrets, "s");
}

}  // namespace
}  // namespace podid::test
