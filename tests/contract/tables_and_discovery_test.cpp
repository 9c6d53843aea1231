// SPDX-License-Identifier: Apache-2.0
// What kubectl asks for beside the objects.
#include "contract/contract_fixture.hpp"

namespace podid::test {
namespace {

using kube::kPods;
using ::testing::Contains;
using ::testing::IsSupersetOf;

constexpr std::string_view kTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

std::vector<std::string> values(const json::value& list, std::string_view member) {
  std::vector<std::string> found;
  for (const json::value& item : list.as_array()) found.emplace_back(text_at(item, {member}));
  return found;
}

class TablesContract : public Contract {};

TEST_F(TablesContract, ShowAListOfPods) {
  create(kPods, pod("a"));
  const json::value table = get_path(kPods.collection_path(ns()), kTable);
  EXPECT_EQ(text_at(table, {"kind"}), "Table");
  EXPECT_EQ(text_at(table, {"apiVersion"}), "meta.k8s.io/v1");
  EXPECT_FALSE(text_at(table, {"metadata", "resourceVersion"}).empty());
  EXPECT_THAT(values(table.at("columnDefinitions"), "name"),
              IsSupersetOf({"Name", "Ready", "Status", "Restarts", "Age"}));
  ASSERT_EQ(table.at("rows").as_array().size(), 1u);
  const json::value& row = table.at("rows").at(0);
  EXPECT_EQ(row.at("cells").at(0), "a");
  EXPECT_EQ(row.at("cells").as_array().size(), table.at("columnDefinitions").as_array().size());
  EXPECT_EQ(text_at(row, {"object", "kind"}), "PartialObjectMetadata");
  EXPECT_EQ(text_at(row, {"object", "metadata", "name"}), "a");
}

TEST_F(TablesContract, ShowOneObject) {
  create(kPods, pod("a"));
  const json::value table = get_path(kPods.object_path(key("a")), kTable);
  EXPECT_EQ(text_at(table, {"kind"}), "Table");
  EXPECT_EQ(table.at("rows").as_array().size(), 1u);
}

TEST_F(TablesContract, AreWatchedToo) {
  net::Request request;
  request.target = kPods.collection_path(ns()) + "?watch=true&timeoutSeconds=1&resourceVersion=" + list_version(kPods);
  request.headers.set("Accept", kTable);
  create(kPods, pod("a"));
  const net::Response response = ok(client().send(std::move(request), soon()));
  const json::value event = kube::parse_json(response.body.substr(0, response.body.find('\n')), "event").value();
  EXPECT_EQ(text_at(event, {"type"}), "ADDED");
  EXPECT_EQ(text_at(event, {"object", "kind"}), "Table");
}

class DiscoveryContract : public Contract {};

TEST_F(DiscoveryContract, TellsVersionAndHealth) {
  EXPECT_FALSE(text_at(get_path("/version"), {"gitVersion"}).empty());
  for (const std::string_view path : {"/readyz", "/livez", "/healthz"}) {
    net::Request request;
    request.target = path;
    EXPECT_EQ(ok(client().send(std::move(request), soon())).body, "ok") << path;
  }
}

TEST_F(DiscoveryContract, ListsGroupsAndResources) {
  EXPECT_EQ(get_path("/api").at("versions"), json::parse(R"(["v1"])"));
  EXPECT_THAT(values(get_path("/apis").at("groups"), "name"),
              IsSupersetOf({"apiextensions.k8s.io", "coordination.k8s.io"}));
  const json::value core = get_path("/api/v1");
  EXPECT_EQ(text_at(core, {"kind"}), "APIResourceList");
  EXPECT_THAT(values(core.at("resources"), "name"), IsSupersetOf({"pods", "pods/status", "nodes", "secrets",
                                                                  "configmaps", "events", "namespaces", "endpoints"}));
  for (const json::value& resource : core.at("resources").as_array()) {
    if (text_at(resource, {"name"}) != "pods") continue;
    EXPECT_EQ(text_at(resource, {"kind"}), "Pod");
    EXPECT_EQ(text_at(resource, {"singularName"}), "pod");
    EXPECT_EQ(resource.at("namespaced"), true);
    EXPECT_EQ(resource.at("shortNames"), json::parse(R"(["po"])"));
    std::vector<std::string> verbs;
    for (const json::value& verb : resource.at("verbs").as_array()) verbs.emplace_back(verb.as_string());
    EXPECT_THAT(verbs, IsSupersetOf({"create", "delete", "get", "list", "patch", "update", "watch"}));
  }
  EXPECT_THAT(values(get_path("/apis/coordination.k8s.io/v1").at("resources"), "name"), Contains("leases"));
}

TEST_F(DiscoveryContract, HasAnAggregatedForm) {
  const json::value list =
      get_path("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");
  EXPECT_EQ(text_at(list, {"kind"}), "APIGroupDiscoveryList");
  bool found = false;
  for (const json::value& group : list.at("items").as_array()) {
    if (text_at(group, {"metadata", "name"}) != "coordination.k8s.io") continue;
    for (const json::value& version : group.at("versions").as_array()) {
      if (text_at(version, {"version"}) != "v1") continue;
      found = text_at(version.at("resources").at(0), {"resource"}) == "leases" &&
              text_at(version.at("resources").at(0), {"responseKind", "kind"}) == "Lease";
    }
  }
  EXPECT_TRUE(found);
}

TEST_F(DiscoveryContract, OpenApiDescribesTheTypes) {
  const json::value root = get_path("/openapi/v3");
  ASSERT_NE(base::find_path(root, {"paths", "api/v1"}), nullptr);
  const std::string path(text_at(root, {"paths", "api/v1", "serverRelativeURL"}));
  const json::value core = get_path(path);
  EXPECT_NE(base::find_path(core, {"components", "schemas", "io.k8s.api.core.v1.Pod"}), nullptr);
}

}  // namespace
}  // namespace podid::test
