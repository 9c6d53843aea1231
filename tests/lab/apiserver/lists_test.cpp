// SPDX-License-Identifier: Apache-2.0
// Lists, tables and discovery, over HTTP.
#include <fmt/format.h>

#include <set>

#include "lab/apiserver/server_fixture.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::string_view kTable = "application/json;as=Table;v=v1;g=meta.k8s.io";

class ListsTest : public ServerTest {
 protected:
  std::string with(std::string_view parameters) { return fmt::format("{}?{}", kConfigMaps, parameters); }
};

TEST_F(ListsTest, ItemsOfBuiltInListsHaveNoType) {
  create_config_map("c");
  const Response list = get(kConfigMaps);
  EXPECT_EQ(at(list.body, {"kind"}), "ConfigMapList");
  EXPECT_EQ(at(list.body.at("items").at(0), {"kind"}), "(absent)");
  EXPECT_EQ(at(list.body.at("items").at(0), {"metadata", "name"}), "c");
  EXPECT_EQ(at(list.body, {"metadata", "resourceVersion"}),
            at(list.body.at("items").at(0), {"metadata", "resourceVersion"}));
}

TEST_F(ListsTest, SelectByLabelsAndFields) {
  create_config_map("a", R"({"x":"1"})");
  create_config_map("b", R"({"x":"2"})");
  create_pod("p", "n1");
  create_pod("q", "n2");
  EXPECT_EQ(names(with("labelSelector=x%20in%20(2,3)")), "b");
  EXPECT_EQ(names(with("fieldSelector=metadata.name!=a")), "b");
  EXPECT_EQ(names(fmt::format("{}?fieldSelector=spec.nodeName=n2,status.phase!=Failed", kPods)), "q");
  EXPECT_EQ(names("/api/v1/pods"), "p q");
  EXPECT_EQ(names("/api/v1/namespaces/kube-system/pods"), "");
  EXPECT_EQ(get(with("labelSelector=a%20b")).status, 400);
  EXPECT_EQ(get(with("fieldSelector=data.a=b")).status, 400);
  EXPECT_EQ(get(fmt::format("{}?fieldSelector=spec.foo=b", kPods)).message(), "field label not supported: spec.foo");
}

TEST_F(ListsTest, PagesShowOneMoment) {
  for (const std::string_view name : {"a", "b", "c", "d", "e"}) create_config_map(name);
  const Response first = get(with("limit=2"));
  EXPECT_EQ(at(first.body, {"metadata", "remainingItemCount"}), "3");
  remove(fmt::format("{}/c", kConfigMaps));
  create_config_map("bb");
  const std::string token = at(first.body, {"metadata", "continue"});
  const Response second = get(with("limit=2&continue=" + token));
  EXPECT_EQ(names(with("limit=2&continue=" + token)), "c d");
  EXPECT_EQ(at(second.body, {"metadata", "resourceVersion"}), at(first.body, {"metadata", "resourceVersion"}));
  EXPECT_EQ(names(with("limit=2&continue=" + at(second.body, {"metadata", "continue"}))), "e");
}

TEST_F(ListsTest, AForgottenPageTellsHowToGoOn) {
  for (const std::string_view name : {"a", "b", "c"}) create_config_map(name);
  const std::string token = at(get(with("limit=1")).body, {"metadata", "continue"});
  create_config_map("d");
  server_->compact();
  const Response gone = get(with("limit=1&continue=" + token));
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.reason(), "Expired");
  EXPECT_EQ(names(with("limit=9&continue=" + at(gone.body, {"metadata", "continue"}))), "b c d");
  EXPECT_EQ(get(with("limit=1&continue=rubbish")).status, 400);
}

TEST_F(ListsTest, ResourceVersionsChooseTheMoment) {
  create_config_map("a");
  const std::string then = revision();
  create_config_map("b");
  EXPECT_EQ(names(with("resourceVersionMatch=Exact&resourceVersion=" + then)), "a");
  EXPECT_EQ(names(with("resourceVersionMatch=NotOlderThan&resourceVersion=" + then)), "a b");
  EXPECT_EQ(names(with("resourceVersion=" + then)), "a b");
  EXPECT_EQ(names(with("limit=5&resourceVersion=" + then)), "a");
  EXPECT_EQ(names(with("limit=1&resourceVersion=0")), "a b") << "any revision comes whole";
  const Response future = get(with("resourceVersion=999"));
  EXPECT_EQ(future.status, 504);
  EXPECT_EQ(future.reason(), "Timeout");
  server_->compact();
  EXPECT_EQ(get(with("resourceVersionMatch=Exact&resourceVersion=" + then)).status, 410);
  for (const std::string_view bad : {"resourceVersion=x", "limit=x", "timeoutSeconds=x"})
    EXPECT_EQ(get(with(bad)).status, 400) << bad;
  for (const std::string_view bad :
       {"resourceVersionMatch=Exact", "resourceVersionMatch=Foo", "sendInitialEvents=true",
        "watch=true&sendInitialEvents=true", "watch=true&resourceVersionMatch=NotOlderThan",
        "resourceVersionMatch=Exact&resourceVersion=0"}) {
    EXPECT_EQ(get(with(bad)).status, 422) << bad;
  }
}

TEST_F(ListsTest, TablesHaveRowsAndAsMuchOfTheObjectsAsAskedFor) {
  create_pod("p", "n1");
  clock_.advance(std::chrono::minutes(3));
  const Response table = get(kPods, kTable);
  EXPECT_EQ(at(table.body, {"kind"}), "Table");
  const json::value& row = table.body.at("rows").at(0);
  EXPECT_EQ(at(row, {"cells"}), R"(["p","0/1","Pending","0","3m","<none>","n1","<none>","<none>"])");
  EXPECT_EQ(at(row, {"object", "kind"}), "PartialObjectMetadata");
  EXPECT_EQ(at(get(fmt::format("{}?includeObject=Object", kPods), kTable).body.at("rows").at(0), {"object", "kind"}),
            "Pod");
  EXPECT_EQ(at(get(fmt::format("{}?includeObject=None", kPods), kTable).body.at("rows").at(0), {"object"}), "(absent)");
  EXPECT_EQ(get(fmt::format("{}?includeObject=Some", kPods), kTable).status, 400);
  EXPECT_EQ(at(get(fmt::format("{}/p", kPods), kTable).body, {"kind"}), "Table");
  EXPECT_EQ(at(get(kPods, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").body, {"kind"}),
            "PartialObjectMetadataList");
}

TEST_F(ListsTest, DiscoveryFollowsTheCrds) {
  EXPECT_EQ(get("/apis/aadpodidentity.k8s.io/v1").status, 404);
  install_crds();
  const Response list = get("/apis/aadpodidentity.k8s.io/v1");
  std::set<std::string> names;
  for (const json::value& each : list.body.at("resources").as_array()) names.emplace(each.at("name").as_string());
  EXPECT_EQ(names, (std::set<std::string>{"azureassignedidentities", "azureidentities", "azureidentities/status",
                                          "azureidentitybindings", "azureidentitybindings/status",
                                          "azureidentitygrants", "azureidentitygrants/status",
                                          "azureidentitygrantapprovals", "azurepodidentityexceptions"}));
  EXPECT_EQ(at(get("/apis/aadpodidentity.k8s.io").body, {"preferredVersion", "version"}), "v1");
  EXPECT_NE(get("/apis").text.find("aadpodidentity.k8s.io"), std::string::npos);
  EXPECT_NE(get("/api/v1").text.find("pods/status"), std::string::npos);
  const Response aggregated =
      get("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");
  EXPECT_EQ(at(aggregated.body, {"kind"}), "APIGroupDiscoveryList");
  EXPECT_EQ(aggregated.headers.find("Content-Type"),
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
}

TEST_F(ListsTest, OpenApiSaysThatTheServerValidates) {
  install_crds();
  const Response index = get("/openapi/v3");
  const std::string url = at(index.body, {"paths", "apis/aadpodidentity.k8s.io/v1", "serverRelativeURL"});
  const Response document = get(url);
  EXPECT_EQ(document.status, 200) << url;
  EXPECT_NE(document.text.find("fieldValidation"), std::string::npos);
  EXPECT_NE(document.text.find("auxiliaryTenantIDs"), std::string::npos);
  EXPECT_EQ(get("/openapi/v3/apis/none.io/v1").status, 404);
  EXPECT_EQ(get("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").status, 406);
}

TEST_F(ListsTest, HealthIsForEveryone) {
  for (const std::string_view path : {"/healthz", "/livez", "/readyz", "/livez/ping"}) EXPECT_EQ(get(path).text, "ok");
  EXPECT_EQ(post("/version", "{}").status, 405);
  EXPECT_EQ(get("/metrics").status, 404);
}

}  // namespace
}  // namespace podid::lab::apiserver
