// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/table.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"
#include "lab/apiserver/schema/crd.hpp"
#include "lab/apiserver/schema/registry.hpp"

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

const base::WallTime kNow = *base::parse_rfc3339("2026-01-02T00:00:00Z");

std::string cells(std::string_view bucket, std::string_view object) {
  const Registry registry;
  const ResourcePtr resource = registry.find_bucket(bucket);
  const json::array row = table_cells(*resource, json::parse(object), kNow);
  EXPECT_EQ(row.size(), table_columns(*resource).size());
  return json::serialize(row);
}

TEST(Table, DurationsReadAsKubectlShowsThem) {
  EXPECT_EQ(human_duration(-5s), "<invalid>");
  EXPECT_EQ(human_duration(0s), "0s");
  EXPECT_EQ(human_duration(119s), "119s");
  EXPECT_EQ(human_duration(120s), "2m");
  EXPECT_EQ(human_duration(190s), "3m10s");
  EXPECT_EQ(human_duration(11min), "11m");
  EXPECT_EQ(human_duration(4h + 5min), "4h5m");
  EXPECT_EQ(human_duration(30h), "30h");
  EXPECT_EQ(human_duration(75h), "3d3h");
  EXPECT_EQ(human_duration(24h * 100), "100d");
  EXPECT_EQ(human_duration(24h * (365 * 3 + 5)), "3y5d");
  EXPECT_EQ(human_duration(24h * 365 * 9), "9y");
  EXPECT_EQ(age_of("", kNow), "<unknown>");
  EXPECT_EQ(age_of("soon", kNow), "<invalid>");
}

TEST(Table, PodsShowTheirContainers) {
  EXPECT_EQ(cells("pods", R"({"metadata":{"name":"p","creationTimestamp":"2026-01-01T23:59:00Z"},
                              "spec":{"containers":[{},{}]},"status":{"phase":"Pending"}})"),
            R"(["p","0/2","Pending","0","60s","<none>","<none>","<none>","<none>"])");
  EXPECT_EQ(cells("pods", R"({"metadata":{"name":"p","creationTimestamp":"2026-01-01T23:59:00Z"},
                              "spec":{"containers":[{}],"nodeName":"n"},
                              "status":{"phase":"Running","podIP":"10.0.0.1","containerStatuses":[
                                {"ready":true,"restartCount":3,"state":{"running":{}}}]}})"),
            R"(["p","1/1","Running","3","60s","10.0.0.1","n","<none>","<none>"])");
  EXPECT_EQ(
      cells("pods", R"({"metadata":{"name":"p","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"containers":[{}]},
                              "status":{"phase":"Running","containerStatuses":[
                                {"restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}})"),
      R"(["p","0/1","Terminating","1","<unknown>","<none>","<none>","<none>","<none>"])");
}

TEST(Table, NodesShowRolesAndReadiness) {
  EXPECT_EQ(
      cells("nodes", R"({"metadata":{"name":"n","creationTimestamp":"2026-01-01T00:00:00Z",
                                "labels":{"node-role.kubernetes.io/worker":"","kubernetes.io/role":"edge"}},
                               "spec":{"unschedulable":true},
                               "status":{"conditions":[{"type":"Ready","status":"True"}],
                                 "addresses":[{"type":"InternalIP","address":"10.0.0.2"}],"nodeInfo":{"kubeletVersion":"v1"}}})"),
      R"(["n","Ready,SchedulingDisabled","edge,worker","24h","v1","10.0.0.2","<none>","<unknown>","<unknown>","<unknown>"])");
}

TEST(Table, EventsShowWhomTheyAreAbout) {
  EXPECT_EQ(cells("events",
                  R"({"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"R","type":"Normal",
                                "message":"m ","source":{"component":"c","host":"h"},"count":4,
                                "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-01T23:59:55Z"})"),
            R"(["5s","Normal","R","pod/p","","c, h","m","24h",4,"e"])");
}

TEST(Table, CustomResourcesShowTheirColumns) {
  const json::value crd =
      json::parse(R"({"spec":{"group":"g.io","scope":"Namespaced","names":{"plural":"foos","kind":"Foo"},
    "versions":[{"name":"v1","served":true,"storage":true,"additionalPrinterColumns":[
      {"name":"Type","type":"string","jsonPath":".spec.type"},
      {"name":"Count","type":"integer","jsonPath":".spec.count","priority":1},
      {"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}]}]}})");
  const ResourcePtr resource = resource_of_crd(crd);
  const auto columns = table_columns(*resource);
  ASSERT_EQ(columns.size(), 4U);
  EXPECT_EQ(columns[2].priority, 1);
  const json::value object = json::parse(R"({"metadata":{"name":"f","creationTimestamp":"2026-01-01T23:59:00Z"},
                                             "spec":{"type":0,"count":"many"}})");
  EXPECT_EQ(json::serialize(table_cells(*resource, object, kNow)), R"(["f","0",null,"60s"])");
  EXPECT_EQ(json::serialize(table_cells(*resource, json::parse(R"({"metadata":{"name":"f"}})"), kNow)),
            R"(["f",null,null,null])");
}

TEST(Table, EveryBuiltInResourceHasAsManyCellsAsColumns) {
  const Registry registry;
  for (const ResourcePtr& resource : registry.all()) {
    EXPECT_EQ(table_cells(*resource, json::parse(R"({"metadata":{"name":"x"}})"), kNow).size(),
              table_columns(*resource).size())
        << resource->plural;
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
