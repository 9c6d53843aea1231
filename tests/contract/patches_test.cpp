// SPDX-License-Identifier: Apache-2.0
// Patches of each kind.
#include "contract/contract_fixture.hpp"

namespace podid::test {
namespace {

using base::ErrorKind;
using kube::kConfigMaps;
using kube::kPods;
using kube::Patch;
using kube::PatchType;

class PatchesContract : public Contract {
 protected:
  base::Error refused_patch(ResourceType type, std::string_view name, PatchType kind, json::value body) {
    Patch change;
    change.type = kind;
    change.body = std::move(body);
    return refused(client().patch(type, key(name), std::move(change), soon()));
  }
};

TEST_F(PatchesContract, MergePatchChangesAndRemovesMembers) {
  create(kConfigMaps, config_map("a", {{"kept", "1"}, {"changed", "1"}, {"removed", "1"}}));
  const json::value patched = patch(kConfigMaps, "a", PatchType::merge,
                                    json::object{{"data", {{"changed", "2"}, {"removed", nullptr}, {"added", "3"}}}});
  EXPECT_EQ(patched.at("data"), json::parse(R"({"kept":"1","changed":"2","added":"3"})"));
  EXPECT_EQ(get(kConfigMaps, "a"), patched);
}

TEST_F(PatchesContract, MergePatchWithAVersionIsGuarded) {
  const json::value made = create(kConfigMaps, config_map("a"));
  patch(kConfigMaps, "a", PatchType::merge, json::object{{"data", {{"k", "1"}}}});
  const json::value old_version = made.at("metadata").at("resourceVersion");
  const base::Error error =
      refused_patch(kConfigMaps, "a", PatchType::merge,
                    json::object{{"metadata", {{"resourceVersion", old_version}}}, {"data", {{"k", "2"}}}});
  EXPECT_EQ(error.kind, ErrorKind::conflict);
}

TEST_F(PatchesContract, JsonPatchAppliesAllOrNothing) {
  create(kConfigMaps, config_map("a", {{"k", "1"}}));
  const json::value patched =
      patch(kConfigMaps, "a", PatchType::json,
            json::parse(R"([{"op":"test","path":"/data/k","value":"1"},{"op":"replace","path":"/data/k","value":"2"},
                            {"op":"add","path":"/data/n","value":"3"},{"op":"add","path":"/metadata/labels","value":{"l":"x"}}])"));
  EXPECT_EQ(patched.at("data"), json::parse(R"({"k":"2","n":"3"})"));
  const base::Error failed_test = refused_patch(
      kConfigMaps, "a", PatchType::json,
      json::parse(R"([{"op":"replace","path":"/data/k","value":"9"},{"op":"test","path":"/data/k","value":"1"}])"));
  EXPECT_EQ(failed_test.http_status, 422) << failed_test.message;
  EXPECT_EQ(text_at(get(kConfigMaps, "a"), {"data", "k"}), "2");
  // An absent parent is an error (API-9 of the specification); merge patches have no such rule.
  const base::Error no_parent = refused_patch(kConfigMaps, "a", PatchType::json,
                                              json::parse(R"([{"op":"replace","path":"/none/k","value":"1"}])"));
  EXPECT_EQ(no_parent.http_status, 422) << no_parent.message;
}

TEST_F(PatchesContract, StrategicPatchMergesListsByKey) {
  create(kPods, pod("a", {{"color", "red"}}));
  patch(kPods, "a", PatchType::strategic,
        json::parse(R"({"metadata":{"labels":{"size":"big"},"finalizers":["podid.example/a"]},
                        "spec":{"containers":[{"name":"main","image":"example/image:2"}]}})"));
  patch(kPods, "a", PatchType::strategic, json::parse(R"({"metadata":{"finalizers":["podid.example/b"]}})"));
  const json::value patched = get(kPods, "a");
  EXPECT_EQ(patched.at("metadata").at("labels"), json::parse(R"({"color":"red","size":"big"})"));
  EXPECT_EQ(patched.at("metadata").at("finalizers"), json::parse(R"(["podid.example/b","podid.example/a"])"));
  ASSERT_EQ(patched.at("spec").at("containers").as_array().size(), 1u);
  EXPECT_EQ(text_at(patched.at("spec").at("containers").at(0), {"image"}), "example/image:2");
  patch(kPods, "a", PatchType::strategic,
        json::parse(R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["podid.example/a"]}})"));
  EXPECT_EQ(get(kPods, "a").at("metadata").at("finalizers"), json::parse(R"(["podid.example/b"])"));
}

TEST_F(PatchesContract, ApplyCreatesAndChanges) {
  json::object wanted = config_map("a", {{"k", "1"}});
  wanted["apiVersion"] = "v1";
  wanted["kind"] = "ConfigMap";
  patch(kConfigMaps, "a", PatchType::apply, wanted);
  wanted["data"] = json::object{{"k", "2"}};
  const json::value applied = patch(kConfigMaps, "a", PatchType::apply, wanted);
  EXPECT_EQ(applied.at("data"), json::parse(R"({"k":"2"})"));
}

TEST_F(PatchesContract, NoChangeKeepsTheVersion) {
  const json::value made = create(kConfigMaps, config_map("a", {{"k", "1"}}));
  const json::value same = patch(kConfigMaps, "a", PatchType::merge, json::object{{"data", {{"k", "1"}}}});
  EXPECT_EQ(same.at("metadata").at("resourceVersion"), made.at("metadata").at("resourceVersion"));
}

TEST_F(PatchesContract, MissingObjectIsNotFound) {
  EXPECT_EQ(refused_patch(kConfigMaps, "none", PatchType::merge, json::object{{"data", json::object()}}).kind,
            ErrorKind::not_found);
}

}  // namespace
}  // namespace podid::test
