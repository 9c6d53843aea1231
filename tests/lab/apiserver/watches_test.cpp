// SPDX-License-Identifier: Apache-2.0
// Watches, over HTTP.
#include <fmt/format.h>

#include "lab/apiserver/server_fixture.hpp"

namespace podid::lab::apiserver {
namespace {

using namespace std::chrono_literals;

class WatchesTest : public ServerTest {
 protected:
  WatchStream watch_config_maps(std::string_view parameters) {
    return watch(fmt::format("{}?watch=true&{}", kConfigMaps, parameters));
  }
  // Lets the server see that time has passed.
  void pass(base::Duration time) {
    clock_.advance(time);
    io_.restart();
    io_.poll();
  }
};

TEST_F(WatchesTest, TellEverythingSinceARevisionInOrder) {
  const std::string from = revision();
  create_config_map("a");
  WatchStream stream = watch_config_maps("resourceVersion=" + from);
  create_config_map("b");
  merge(fmt::format("{}/a", kConfigMaps), R"({"data":{"a":"z"}})");
  remove(fmt::format("{}/b", kConfigMaps));
  EXPECT_EQ(stream.next_text(), "ADDED a");
  EXPECT_EQ(stream.next_text(), "ADDED b");
  EXPECT_EQ(stream.next_text(), "MODIFIED a");
  const json::value deleted = stream.next();
  EXPECT_EQ(at(deleted, {"type"}), "DELETED");
  EXPECT_EQ(at(deleted, {"object", "kind"}), "ConfigMap");
  EXPECT_EQ(at(deleted, {"object", "metadata", "resourceVersion"}), revision()) << "the revision of the deletion";
}

TEST_F(WatchesTest, WithoutARevisionBeginWithWhatIsThere) {
  create_config_map("a");
  for (const std::string_view parameters : {"", "resourceVersion=0"}) {
    WatchStream stream = watch_config_maps(parameters);
    EXPECT_EQ(stream.next_text(), "ADDED a");
  }
  WatchStream later = watch_config_maps("sendInitialEvents=false&resourceVersionMatch=NotOlderThan");
  create_config_map("b");
  EXPECT_EQ(later.next_text(), "ADDED b");
}

TEST_F(WatchesTest, AStreamedListEndsWithABookmark) {
  create_config_map("a");
  WatchStream stream =
      watch_config_maps("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  EXPECT_EQ(stream.next_text(), "ADDED a");
  const json::value end = stream.next();
  EXPECT_EQ(at(end, {"type"}), "BOOKMARK");
  EXPECT_EQ(at(end, {"object", "metadata", "resourceVersion"}), revision());
  EXPECT_EQ(at(end, {"object", "metadata", "annotations", "k8s.io/initial-events-end"}), "true");
  create_config_map("b");
  EXPECT_EQ(stream.next_text(), "ADDED b");
}

TEST_F(WatchesTest, ASelectedObjectComesAndGoes) {
  create_config_map("a", R"({"x":"1"})");
  WatchStream stream = watch_config_maps("labelSelector=x=1&resourceVersion=" + revision());
  const std::string target = fmt::format("{}/a", kConfigMaps);
  merge(target, R"({"metadata":{"labels":{"x":"2"}}})");
  const json::value gone = stream.next();
  EXPECT_EQ(at(gone, {"type"}), "DELETED");
  EXPECT_EQ(at(gone, {"object", "metadata", "labels", "x"}), "1") << "as the client last saw it";
  EXPECT_EQ(at(gone, {"object", "metadata", "resourceVersion"}), revision());
  merge(target, R"({"data":{"q":"r"}})");
  merge(target, R"({"metadata":{"labels":{"x":"1"}}})");
  EXPECT_EQ(stream.next_text(), "ADDED a");
}

TEST_F(WatchesTest, FollowOneObjectOrOneNode) {
  WatchStream one = watch_config_maps("fieldSelector=metadata.name=b&resourceVersion=" + revision());
  WatchStream node =
      watch(fmt::format("{}?watch=1&fieldSelector=spec.nodeName=n2&resourceVersion={}", kPods, revision()));
  create_config_map("a");
  create_config_map("b");
  create_pod("p", "n1");
  create_pod("q", "n2");
  EXPECT_EQ(one.next_text(), "ADDED b");
  EXPECT_EQ(node.next_text(), "ADDED q");
  remove(fmt::format("{}/q", kPods));
  EXPECT_EQ(node.next_text(), "MODIFIED q") << "a pod is marked before it goes";
  EXPECT_EQ(node.next_text(), "DELETED q");
}

TEST_F(WatchesTest, AForgottenRevisionIsAnErrorEvent) {
  const std::string from = revision();
  create_config_map("a");
  server_->compact();
  WatchStream stream = watch_config_maps("resourceVersion=" + from);
  EXPECT_EQ(stream.status(), 200);
  EXPECT_EQ(stream.next_text(), "ERROR 410");
  EXPECT_EQ(stream.next_text(), "(end)");
}

TEST_F(WatchesTest, HistoryIsBounded) {
  start({.limits = {.max_history = 3}});
  const std::string from = revision();
  for (int i = 0; i < 4; ++i) create_config_map(fmt::format("c{}", i));
  EXPECT_EQ(watch_config_maps("resourceVersion=" + from).next_text(), "ERROR 410");
}

TEST_F(WatchesTest, BookmarksComeRegularlyAndBeforeTheEnd) {
  WatchStream stream = watch_config_maps("allowWatchBookmarks=true&timeoutSeconds=100&resourceVersion=" + revision());
  create_pod("other", "n");
  pass(60s);
  EXPECT_EQ(stream.next_text(), "BOOKMARK " + revision());
  pass(30s);
  create_pod("another", "n");
  pass(9s);
  EXPECT_EQ(stream.next_text(), "BOOKMARK " + revision());
  pass(2s);
  EXPECT_EQ(stream.next_text(), "(end)");
}

TEST_F(WatchesTest, EndAtTheirTimeoutAndWhenTold) {
  WatchStream timed = watch_config_maps("timeoutSeconds=5");
  WatchStream open = watch_config_maps("timeoutSeconds=500");
  pass(6s);
  EXPECT_EQ(timed.next_text(), "(end)");
  EXPECT_EQ(server_->statistics().watchers, 1U);
  server_->close_watches();
  EXPECT_EQ(open.next_text(), "(end)");
  EXPECT_EQ(server_->statistics().watchers, 0U);
}

TEST_F(WatchesTest, TablesBringTheirColumnsOnce) {
  create_pod("p", "n");
  WatchStream stream = watch(fmt::format("{}?watch=true", kPods), "application/json;as=Table;v=v1;g=meta.k8s.io");
  const json::value first = stream.next();
  EXPECT_EQ(at(first, {"object", "kind"}), "Table");
  EXPECT_EQ(first.at("object").at("columnDefinitions").as_array().size(), 9U);
  create_pod("q", "n");
  const json::value second = stream.next();
  EXPECT_EQ(at(second, {"object", "columnDefinitions"}), "null");
  EXPECT_EQ(at(second.at("object").at("rows").at(0), {"object", "metadata", "name"}), "q");
}

TEST_F(WatchesTest, ThereIsALimitOfWatches) {
  start({.limits = {.max_watchers = 1}});
  const WatchStream one = watch_config_maps("");
  const Response refused = get(fmt::format("{}?watch=true", kConfigMaps));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.reason(), "TooManyRequests");
  EXPECT_TRUE(refused.headers.find("Retry-After"));
}

TEST_F(WatchesTest, AWatcherThatFallsBehindIsDropped) {
  start({.limits = {.max_watch_queue = 2}});
  WatchStream stream = watch(fmt::format("/api/v1/pods?watch=true&resourceVersion={}", revision()));
  post("/api/v1/namespaces", R"({"metadata":{"name":"shop"}})");
  for (int i = 0; i < 3; ++i) {
    const std::string pod =
        fmt::format(R"({{"metadata":{{"name":"p{}"}},"spec":{{"containers":[{{"name":"c","image":"i"}}]}}}})", i);
    post("/api/v1/namespaces/shop/pods", pod);
    EXPECT_EQ(stream.next_text(), fmt::format("ADDED p{}", i));
  }
  // Six changes in one step of the server, which the watcher cannot take in between.
  remove("/api/v1/namespaces/shop");
  EXPECT_EQ(stream.next_text(), "(end)");
  EXPECT_EQ(server_->statistics().watches_dropped_slow, 1U);
}

TEST_F(WatchesTest, EndWithTheirResource) {
  install_crds();
  WatchStream stream = watch(fmt::format("{}?watch=true", kIdentities));
  remove(fmt::format("{}/azureidentities.aadpodidentity.k8s.io", kCrds));
  EXPECT_EQ(stream.next_text(), "(end)");
}

}  // namespace
}  // namespace podid::lab::apiserver
