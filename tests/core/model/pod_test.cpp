// SPDX-License-Identifier: Apache-2.0
#include "core/model/pod.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::core {
namespace {

namespace json = boost::json;
using testing::ElementsAre;

TEST(Pod, IsReadFromItsObject) {
  const auto pod = read_pod(json::parse(R"({
    "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"aadpodidbinding": "reader"},
      "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-02T00:00:00Z",
      "ownerReferences": [{"kind": "Job", "name": "j"}, {"kind": "replicaset", "name": "web-1"}, {"kind": "ReplicaSet", "name": "x"}]},
    "spec": {"nodeName": "node-a", "serviceAccountName": "sa", "hostNetwork": true, "containers": [{}]},
    "status": {"phase": "Running", "startTime": "2026-01-01T00:00:01Z", "podIP": "10.0.0.1",
               "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}, {}],
               "initContainerStatuses": [{"state": {"terminated": {"startedAt": "2026-01-01T00:00:02Z"}}}],
               "containerStatuses": [{"state": {"waiting": {}}}, {"state": {"running": {"startedAt": "2026-01-01T00:00:04Z"}}},
                                     {"state": {"running": {"startedAt": "2026-01-01T00:00:03Z"}}}]}})"));
  ASSERT_TRUE(pod) << pod.error().message();
  EXPECT_EQ(pod->binding_label(), "reader");
  EXPECT_EQ(pod->replica_set, "web-1");
  EXPECT_TRUE(pod->deleting());
  EXPECT_TRUE(pod->host_network);
  EXPECT_FALSE(pod->finished());
  EXPECT_THAT(pod->pod_ips, ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_EQ(pod->last_start, "2026-01-01T00:00:04Z");
  EXPECT_EQ(read_pod(json::parse(R"({"status": {"podIPs": [{"ip": 1}]}})")).error().message(),
            "status.podIPs[0].ip: expected a string, found a number");
}

}  // namespace
}  // namespace podid::core
