// SPDX-License-Identifier: Apache-2.0
// What the NMI passes on to the real endpoint.
#include <gtest/gtest.h>

#include "nmi/request/request_handler_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;
using test::Got;

class ProxyTest : public RequestHandlerTest {
 protected:
  ProxyTest() {
    put(usual_pod());
    core::Pod other = test::make_pod("shop", "web-1", "");
    other.pod_ips = {"127.0.0.6"};
    put(other);
    builder.set_complete();
    publish();
  }
};

TEST_F(ProxyTest, TheRestGoesToTheRealEndpoint) {
  imds.reply_body = "{\"compute\":{}}";
  const Got got = ask("/metadata/instance/a%3Fx?api-version=2021-02-01",
                      "Metadata: true\r\nX-Mine: yes\r\nKeep-Alive: 5\r\n"
                      "Connection: X-Private\r\nX-Private: 1\r\nUpgrade: h2c\r\n");
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.body.contains("{\"compute\":{}}")) << got.body;
  EXPECT_TRUE(got.has_header("Server: IMDS/1.2.3.4")) << got.head;
  ASSERT_EQ(imds.requests.size(), 1u);
  const std::string& seen = imds.requests[0];
  EXPECT_TRUE(seen.starts_with("GET /metadata/instance/a%3Fx?api-version=2021-02-01\n")) << seen;
  EXPECT_TRUE(seen.contains("X-Mine: yes\n")) << seen;
  EXPECT_FALSE(seen.contains("X-Private")) << seen;
  EXPECT_FALSE(seen.contains("Upgrade")) << seen;
  EXPECT_FALSE(seen.contains("Keep-Alive")) << seen;
  EXPECT_FALSE(seen.contains("Host: 169.254.169.254\n")) << seen;
}

TEST_F(ProxyTest, NoTunnelIsMade) {
  for (const char* request :
       {"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n",
        "CONNECT /metadata/instance HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n"}) {
    test::RawClient client = connect_from("127.0.0.5");
    test::run_task(io, client.write(std::string(request) + "GET /metadata/instance HTTP/1.1\r\nHost: "
                                                           "169.254.169.254\r\nConnection: close\r\n\r\n"));
    const Got got = test::parse_answer(test::run_task(io, client.read_to_end()));
    EXPECT_GE(got.status, 300) << request;
    EXPECT_LT(got.status, 500) << request;
  }
  EXPECT_TRUE(imds.requests.empty());
  for (const char* upgrade :
       {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"}) {
    imds.requests.clear();
    EXPECT_EQ(ask("/metadata/instance", std::string("Metadata: true\r\n") + upgrade).status, 200);
    ASSERT_EQ(imds.requests.size(), 1u);
    EXPECT_FALSE(imds.requests[0].contains("Upgrade")) << imds.requests[0];
    EXPECT_FALSE(imds.requests[0].contains("HTTP2-Settings")) << imds.requests[0];
  }
}

TEST_F(ProxyTest, StatusesAndRedirectsOfTheEndpointPassThrough) {
  imds.reply_status = 404;
  EXPECT_EQ(ask("/metadata/instance/nothing").status, 404);
  imds.reply_status = 302;
  const Got got = ask("/metadata/versions");
  EXPECT_EQ(got.status, 302);
  EXPECT_TRUE(got.has_header("Location: /elsewhere")) << got.head;
  EXPECT_EQ(imds.requests.size(), 2u);
}

TEST_F(ProxyTest, BodiesArePassedOn) {
  options.scheduled_event_posts = true;
  start();
  ask("/metadata/scheduledevents", "Metadata: true\r\nContent-Length: 4\r\n\r\nbody", "127.0.0.5", "POST");
  ASSERT_EQ(imds.requests.size(), 1u);
  EXPECT_TRUE(imds.requests[0].starts_with("POST /metadata/scheduledevents\n")) << imds.requests[0];
  EXPECT_TRUE(imds.requests[0].ends_with("body")) << imds.requests[0];
}

TEST_F(ProxyTest, BodiesAreLimited) {
  options.scheduled_event_posts = true;
  start();
  const std::string megabyte(1024 * 1024, 'x');
  const auto post = [this](const std::string& framing_and_body) {
    const Got got = ask("/metadata/scheduledevents", "Metadata: true\r\n" + framing_and_body, "127.0.0.5", "POST");
    EXPECT_EQ(got.has_header("X-Content-Type-Options: nosniff"), got.status != 200)
        << "on answers of our own: " << got.head;
    return got.status;
  };
  EXPECT_EQ(post("Content-Length: 1048576\r\n\r\n" + megabyte), 200);
  EXPECT_EQ(post("Content-Length: 1048577\r\n\r\n" + megabyte + "x"), 413);
  EXPECT_EQ(imds.requests.size(), 1u) << "refused before anybody was asked";
  EXPECT_EQ(post("Transfer-Encoding: chunked\r\n\r\n100000\r\n" + megabyte + "\r\n0\r\n\r\n"), 200);
  EXPECT_EQ(post("Transfer-Encoding: chunked\r\n\r\n100000\r\n" + megabyte + "\r\n1\r\nx\r\n0\r\n\r\n"), 413);
  EXPECT_EQ(post("Transfer-Encoding: chunked\r\n\r\nrubbish\r\n"), 400);
}

TEST_F(ProxyTest, OnePodCannotTakeAllTheWaysToTheEndpoint) {
  proxy_options.max_forwarded_per_pod = 1;
  options.scheduled_event_posts = true;
  start();
  // Its body never comes, so it stays under way.
  test::RawClient slow = connect_from("127.0.0.5");
  test::run_task(io, slow.write("POST /metadata/scheduledevents HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n"
                                "Content-Length: 9\r\n\r\n"));
  ASSERT_TRUE(test::run_until(io, [this] { return handler->waiting() == 1; }));
  const Got got = ask("/metadata/instance");
  EXPECT_EQ(got.status, 429);
  EXPECT_TRUE(got.has_header("Retry-After: 1")) << got.head;
  EXPECT_TRUE(got.body.contains("\"error\":\"too_many_requests\"")) << got.body;
  EXPECT_EQ(ask("/metadata/instance", "Metadata: true\r\n", "127.0.0.6").status, 200) << "another pod";
  slow.close();
  ASSERT_TRUE(test::run_until(io, [this] { return handler->waiting() == 0; }));
  advance(seconds(2));  // it was told to slow down
  EXPECT_EQ(ask("/metadata/instance").status, 200);
}

TEST_F(ProxyTest, AnUnreachableEndpointIsA500) {
  test::run_task(io, imds_server->stop(net::Deadline::passed()));
  const Got got = ask("/metadata/instance");
  EXPECT_EQ(got.status, 500);
  EXPECT_TRUE(got.has_header("Content-Type: text/plain; charset=utf-8")) << got.head;
  EXPECT_TRUE(got.has_header("X-Content-Type-Options: nosniff")) << got.head;
}

// SEC-6: what is not known to give out nothing of the node's own is not passed on.
TEST_F(ProxyTest, OnlyWhatIsOnTheListIsPassedOn) {
  for (const char* path : {"/metadata/instance", "/Metadata/instance/compute/name", "/metadata/versions",
                           "/metadata/attested/document", "/metadata/scheduledevents", "/metadata/identity/info"}) {
    EXPECT_EQ(ask(path).status, 200) << path;
    EXPECT_EQ(ask(path, "Metadata: true\r\n", "127.0.0.5", "HEAD").status, 200) << path;
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"}) {
      const Got got = ask(path, "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", method);
      EXPECT_EQ(got.status, 405) << method << " " << path;
      EXPECT_TRUE(got.has_header("Allow: GET, HEAD")) << got.head;
    }
  }
  EXPECT_EQ(imds.requests.size(), 12u);
  imds.requests.clear();
  for (const char* path : {"/", "/metadata", "/metadata/", "/metadata/other", "/metadata/instancex",
                           "/metadata/loadbalancer", "/machine/x", "/latest/api/token"}) {
    expect_json(ask(path), 403, "forbidden",
                "the NMI does not pass this path on to the metadata endpoint: its flag "
                "--proxy-paths allows more paths");
  }
  for (const char* path : {"/metadata/identity", "/metadata/identity/", "/metadata/identity/other",
                           "/metadata/identity/infox", "/metadata/IDENTITY/oauth2/token"}) {
    expect_json(ask(path), 403, "forbidden", "of /metadata/identity pods may ask for oauth2/token and info alone");
  }
  EXPECT_EQ(ask("/metadata/other", "").status, 400) << "the header Metadata comes first";
  EXPECT_TRUE(imds.requests.empty());
  EXPECT_TRUE(metrics.expose().contains("{reason=\"proxy_path\"} 13")) << metrics.expose();
  legacy();
  expect_text(ask("/metadata/identity/other"), 403,
              "of /metadata/identity pods may ask for oauth2/token and info alone");
}

TEST_F(ProxyTest, NoIdentityOfTheNodeGivesACredential) {
  options.routes.proxy_paths = {""};  // --proxy-paths=/
  start();
  for (const char* path : {"/metadata/identity/credential?cred-api-version=1.0", "/METADATA/identity/credential",
                           "/metadata/Identity/Credential", "/metadata/identity%255ccredential",
                           "/metadata/instance/%252e%252e/identity/credential"}) {
    for (const char* method : {"POST", "GET"}) {
      expect_json(ask(path, "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", method), 404, "not_found",
                  "certificates of the node's identities are not for pods");
    }
  }
  EXPECT_EQ(ask("/metadata/instance/%252e%252e/identity/other").status, 403);
  EXPECT_TRUE(imds.requests.empty());
  EXPECT_TRUE(metrics.expose().contains("{reason=\"node_credential\"} 10")) << metrics.expose();
}

TEST_F(ProxyTest, MorePathsArePassedOnByFlag) {
  options.routes.proxy_paths = {"/metadata/loadbalancer", "/machine"};
  start();
  EXPECT_EQ(ask("/metadata/loadbalancer?api-version=2020-10-01").status, 200);
  EXPECT_EQ(ask("/Metadata/LoadBalancer/x").status, 200);
  EXPECT_EQ(ask("/machine/plugins").status, 200);
  EXPECT_EQ(ask("/metadata/loadbalancers").status, 403);
  EXPECT_EQ(ask("/machine/%252e%252e/secret").status, 403);
  EXPECT_EQ(ask("/machine", "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", "POST").status, 405);
  EXPECT_EQ(imds.requests.size(), 3u);
}

TEST_F(ProxyTest, ScheduledEventsAreAcknowledgedByFlagAlone) {
  const auto acknowledge = [this](const char* path) {
    return ask(path, "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", "POST");
  };
  expect_json(acknowledge("/metadata/scheduledevents"), 405, "method_not_allowed",
              "to acknowledge a scheduled event starts a reboot of the node: only with the NMI's flag "
              "--allow-scheduled-event-posts POST is passed on");
  EXPECT_TRUE(imds.requests.empty());
  options.scheduled_event_posts = true;
  start();
  EXPECT_EQ(acknowledge("/metadata/scheduledevents?api-version=2020-07-01").status, 200);
  EXPECT_EQ(acknowledge("/metadata/instance").status, 405);
  EXPECT_EQ(imds.requests.size(), 1u);
}

// SEC-5: who reaches an NMI that listens on an address of the node must not reach the node's endpoint through it.
TEST_F(ProxyTest, OnlyPodsOfThisNodeAndItsOwnProcessesArePassedOn) {
  const Pending stranger = begin("/metadata/instance", "127.0.0.9");
  EXPECT_FALSE(stranger.done()) << "it may be a new pod's address";
  advance(kPodWait);
  expect_json(finish(stranger), 403, "forbidden", "127.0.0.9 is not the address of a pod of this node");
  EXPECT_TRUE(imds.requests.empty());
  EXPECT_EQ(ask("/metadata/instance", "Metadata: true\r\n", "127.0.0.1").status, 200) << "a process of the node";
  EXPECT_EQ(ask("/metadata/instance", "Metadata: true\r\n", "127.0.0.6").status, 200) << "a pod without identity";
  EXPECT_TRUE(metrics.expose().contains("{reason=\"not_a_pod\"} 1")) << metrics.expose();
}

TEST_F(ProxyTest, ANewPodIsWaitedForUntilTheKubeletHasToldItsAddress) {
  core::Pod starting = test::make_pod("shop", "web-2");
  starting.phase = "Pending";
  put(starting);
  publish();
  const Pending early = begin("/metadata/instance", "127.0.0.9");
  advance(seconds(5));
  EXPECT_FALSE(early.done());
  starting.phase = "Running";
  starting.pod_ips = {"127.0.0.9"};
  put(starting);
  publish();
  EXPECT_EQ(finish(early).status, 200);
}

}  // namespace
}  // namespace podid::nmi
