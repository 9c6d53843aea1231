// SPDX-License-Identifier: Apache-2.0
// Every row of the outcome tables (nmi.md §3.4 to §6, NMI-28) through a real socket.
#include "nmi/request/request_handler.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "nmi/request/request_handler_fixture.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Got;
using test::kTokenPath;

const std::string kMissingHeader =
    "{\"error\":\"invalid_request\",\"error_description\":\"Required metadata header not specified\"}\n";

TEST_F(RequestHandlerTest, APodGetsTheTokenOfItsAssignedIdentity) {
  publish_usual();
  const Got got = ask(kTokenPath);
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.has_header("Content-Type: application/json")) << got.head;
  EXPECT_TRUE(got.has_header("Content-Length: " + std::to_string(got.body.size()))) << got.head;
  EXPECT_TRUE(got.body.starts_with("{\"access_token\":\"token-1\",\"refresh_token\":\"\",\"expires_in\":\"86400\""))
      << got.body;
  ASSERT_EQ(tokens.requests.size(), 1u);
  EXPECT_EQ(tokens.requests[0].credential->client_id.text(), "client-reader");
  EXPECT_EQ(tokens.requests[0].resource, "https://vault.azure.net");
  clock.advance(seconds(10));
  EXPECT_TRUE(ask(kTokenPath).body.contains("\"expires_in\":\"86390\""));
  EXPECT_EQ(tokens.requests.size(), 1u);
}

// What was read of a request outlives the reading of the next ones, also where it is short and had to be decoded.
TEST_F(RequestHandlerTest, RequestsThatWaitTogetherKeepWhatTheyAskedFor) {
  publish_usual();
  tokens.closed = true;
  const std::string path = "/metadata/identity/oauth2/token?resource=";
  const std::string resources[] = {"a%2Fb", "c%2Fd", "https%3A%2F%2Fvault.azure.net"};
  std::vector<Pending> pending;
  for (const std::string& resource : resources) pending.push_back(begin(path + resource));
  tokens.open();
  std::vector<std::string> asked;
  for (const Pending& each : pending) EXPECT_EQ(finish(each).status, 200);
  for (const TokenRequest& request : tokens.requests) asked.push_back(request.resource);
  EXPECT_EQ(asked, (std::vector<std::string>{"a/b", "c/d", "https://vault.azure.net"}));
}

TEST_F(RequestHandlerTest, PipelinedRequestsAreAnsweredInOrderWhetherTheyWaitOrNot) {
  publish_usual();
  ASSERT_EQ(ask(kTokenPath).status, 200);
  const auto request = [](const std::string& target, const char* connection) {
    return "GET " + target + " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nConnection: " + connection +
           "\r\n\r\n";
  };
  test::RawClient raw = connect_from("127.0.0.5");
  test::run_task(io, raw.write(request(kTokenPath, "keep-alive") +
                               request("/metadata/identity/oauth2/token?resource=a%2Fb", "keep-alive") +
                               request("/metadata/instance", "keep-alive") + request(kTokenPath, "close")));
  const std::string text = test::run_task(io, raw.read_to_end());
  std::size_t at = 0;
  for (const char* body : {"token-1", "token-2", "{}", "token-1"}) {
    at = text.find(body, at);
    ASSERT_NE(at, std::string::npos) << body << " in " << text;
    at += std::string(body).size();
  }
  EXPECT_EQ(tokens.requests.size(), 2u);
}

TEST_F(RequestHandlerTest, HeadGetsTheHeadAlone) {
  publish_usual();
  const Got got = ask(kTokenPath, "Metadata: true\r\n", "127.0.0.5", "HEAD");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "");
}

TEST_F(RequestHandlerTest, HeaderRouteAndParametersAreChecked) {
  publish_usual();
  for (const bool legacy_style : {false, true}) {
    if (legacy_style) legacy();
    // The header comes first, whatever else is wrong.
    for (const char* header : {"", "Metadata: truee\r\n", "Metadata: 1\r\n", "Metadata: \r\n"}) {
      const Got got = ask("/metadata/identity/oauth2/token", header);
      EXPECT_EQ(got.status, 400) << header;
      EXPECT_EQ(got.body, kMissingHeader) << header;
      EXPECT_TRUE(got.has_header("Content-Type: application/json; charset=utf-8"));
      EXPECT_EQ(ask("/metadata/instance", header).body, kMissingHeader);
    }
    EXPECT_EQ(ask(kTokenPath, "mEtAdAtA: true\r\n").status, 200);
    EXPECT_EQ(ask(kTokenPath, "Metadata: True\r\n").status, 200);
    EXPECT_EQ(ask("/metadata/instance", "Metadata: TRUE\r\n").status, 200);
    expect_text(ask("/metadata/identity\\oauth2/token", ""), 400, "Invalid request");
    const Got moved = ask("//metadata/identity/oauth2/token?resource=r", "");
    EXPECT_EQ(moved.status, 301);
    EXPECT_TRUE(moved.has_header("Location: /metadata/identity/oauth2/token?resource=r")) << moved.head;
    EXPECT_EQ(moved.body, "");
  }
  expect_text(ask("/metadata/identity/oauth2/token"), 400, "parameter resource cannot be empty");
  expect_text(ask("/metadata/identity/oauth2/token?resource="), 400, "parameter resource cannot be empty");
  options.authorizer.style.legacy = false;
  start();
  expect_json(ask("/metadata/identity/oauth2/token"), 400, "invalid_request", "parameter resource cannot be empty");
}

TEST_F(RequestHandlerTest, LongQueriesAreRefused) {
  publish_usual();
  const std::string path = "/metadata/identity/oauth2/token?";
  const std::string query = "resource=r&x=";
  EXPECT_EQ(ask(path + query + std::string(kMaxTokenQueryBytes - query.size(), 'x')).status, 200);
  EXPECT_EQ(ask(path + query + std::string(kMaxTokenQueryBytes - query.size() + 1, 'x')).status, 400);
}

TEST_F(RequestHandlerTest, HeaderNeedNotBeThereWhenNotRequired) {
  options.metadata_header_required = false;
  start();
  publish_usual();
  EXPECT_EQ(ask(kTokenPath, "").status, 200);
  EXPECT_EQ(ask("/metadata/instance", "").status, 200);
}

TEST_F(RequestHandlerTest, MethodsAndForwardedRequestsAreChecked) {
  publish_usual();
  const Got post = ask(kTokenPath, "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", "POST");
  EXPECT_EQ(post.status, 405);
  EXPECT_TRUE(post.has_header("Allow: GET, HEAD")) << post.head;
  EXPECT_EQ(ask(kTokenPath, "Metadata: true\r\nX-Forwarded-For: 10.0.0.1\r\n").status, 400);
  legacy();
  EXPECT_EQ(ask(kTokenPath, "Metadata: true\r\nContent-Length: 0\r\n", "127.0.0.5", "POST").status, 200);
}

// SEC-9: no request that somebody was tricked into passing on.
TEST_F(RequestHandlerTest, ForwardedRequestsAreRefusedOnEveryRoute) {
  publish_usual();
  const std::string metadata = "Metadata: true\r\n";
  const std::string host = "podns: shop\r\npodname: web-0\r\n";
  for (const bool legacy_style : {false, true}) {
    if (legacy_style) legacy();
    for (const std::string target :
         {kTokenPath.c_str(), "/metadata/instance", "/metadata/scheduledevents", "/metadata/other", "/metadata//x",
          "/metadata/identity/info", "/metadata/identity/credential", "/metadata/identity\\oauth2/token"}) {
      SCOPED_TRACE(target);
      expect_json(ask(target, metadata + "X-Forwarded-For: 10.0.0.1\r\n"), 400, "invalid_request",
                  "the header X-Forwarded-For is not allowed");
      expect_json(ask(target, metadata + "Connection: x-forwarded-for\r\nX-Forwarded-For: 10.0.0.1\r\n"), 400,
                  "invalid_request", "the header X-Forwarded-For is not allowed");
      for (const char* connection : {"X-Forwarded-For", "keep-alive, metadata", "a,X-FORWARDED-FOR ,b"}) {
        expect_json(ask(target, metadata + "Connection: " + connection + "\r\n"), 400, "invalid_request",
                    "the header Connection may not name Metadata or X-Forwarded-For");
      }
    }
    expect_json(ask("/host/token?resource=r", host + "X-Forwarded-For: 10.0.0.1\r\n", "127.0.0.1"), 400,
                "invalid_request", "the header X-Forwarded-For is not allowed");
    EXPECT_EQ(ask("/host/token?resource=r", host, "127.0.0.1").status, 200);
    EXPECT_EQ(ask(kTokenPath, metadata + "Connection: keep-alive, x\r\n").status, 200);
  }
  EXPECT_TRUE(imds.requests.empty());
  EXPECT_TRUE(metrics.expose().contains("{reason=\"forwarded\"}")) << metrics.expose();
  EXPECT_TRUE(metrics.expose().contains("{reason=\"connection\"}")) << metrics.expose();
}

// SEC-9: a name of somebody's that leads to the endpoint is not the endpoint's.
TEST_F(RequestHandlerTest, TheHostMustBeTheEndpoints) {
  options.hosts = {"169.254.169.254", "169.254.169.254:80", "[fd00::1]"};
  start();
  publish_usual();
  for (const char* good :
       {"Host: 169.254.169.254\r\n", "Host: 169.254.169.254:80\r\n", "Host:\r\n", "hOST: [FD00::1]\r\n"}) {
    host_line = good;
    EXPECT_EQ(ask(kTokenPath).status, 200) << good;
    EXPECT_EQ(ask("/metadata/instance").status, 200) << good;
  }
  test::RawClient old = connect_from("127.0.0.5");
  test::run_task(io, old.write("GET " + kTokenPath + " HTTP/1.0\r\nMetadata: true\r\n\r\n"));
  EXPECT_EQ(test::parse_answer(test::run_task(io, old.read_to_end())).status, 200) << "HTTP/1.0 needs no Host";
  imds.requests.clear();
  for (const char* bad : {"Host: rebound.example\r\n", "Host: 169.254.169.254:81\r\n", "Host: 169.254.169.254.\r\n",
                          "Host: 169.254.169.254\r\nHost: rebound.example\r\n", "Host: u@169.254.169.254\r\n"}) {
    host_line = bad;
    for (const std::string& target : {kTokenPath, std::string("/metadata/instance"), std::string("//metadata")}) {
      EXPECT_EQ(ask(target).status, 400) << bad << target;
    }
  }
  host_line = "Host: rebound.example\r\n";
  expect_json(ask(kTokenPath), 400, "invalid_request", "the header Host names another host than the metadata endpoint");
  host_line = "Host: 169.254.169.254\r\n";
  EXPECT_EQ(ask("http://169.254.169.254" + kTokenPath).status, 200);
  EXPECT_EQ(ask("http://rebound.example" + kTokenPath).status, 400);
  EXPECT_EQ(ask("http://rebound.example/metadata/instance").status, 400);
  EXPECT_TRUE(imds.requests.empty());
  EXPECT_TRUE(metrics.expose().contains("{reason=\"host\"}")) << metrics.expose();
}

TEST_F(RequestHandlerTest, InstanceMetadataIsBlockedOnRequest) {
  options.routes.block_instance = true;
  start();
  publish_usual();
  expect_text(ask("/Metadata/instance?api-version=2021-02-01", ""), 403, "Request blocked by AAD Pod Identity NMI");
}

TEST_F(RequestHandlerTest, CertificatesOfTheNodesIdentitiesAreNotHandedOut) {
  publish_usual();
  expect_json(ask("/metadata/identity/issuecredential?cred-api-version=2.0", "Metadata: true\r\nContent-Length: 0\r\n",
                  "127.0.0.5", "POST"),
              404, "not_found", "certificates of the node's identities are not for pods");
}

// NMI-28: what waiting cannot heal is told at once, with what is missing and how to see why.
TEST_F(RequestHandlerTest, APodWithoutTheLabelIsToldAtOnce) {
  core::Pod pod = usual_pod();
  pod.labels.clear();
  put(pod);
  builder.set_complete();
  publish();
  const Got got = ask(kTokenPath);
  expect_json(got, 400, "invalid_request", "Identity not found: pod web-0 in namespace shop has no label");
  EXPECT_TRUE(got.body.contains("podid explain pod web-0 -n shop")) << got.body;
}

TEST_F(RequestHandlerTest, AnIdentityThatIsNotTheOneAskedForIsRefusedWhenThingsHaveSettled) {
  publish_usual();
  const Pending pending = begin(kTokenPath + "&client_id=other");
  EXPECT_FALSE(pending.done());
  advance(core::kQuietPeriod - milliseconds(1));
  EXPECT_FALSE(pending.done());
  put(assigned("writer"));  // something happens: wait on
  publish();
  advance(seconds(1));
  EXPECT_FALSE(pending.done());
  advance(core::kQuietPeriod);
  const Got got = finish(pending);
  expect_json(got, 400, "invalid_request", "Identity not found: ");
}

TEST_F(RequestHandlerTest, AnAssignmentUnderWayIsWaitedForAndAnsweredAtOnce) {
  put(usual_pod());
  put(assigned("reader", core::kCreated));
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  advance(seconds(39));
  EXPECT_FALSE(pending.done());
  put(assigned("reader"));
  publish();
  EXPECT_EQ(finish(pending).status, 200) << "without the clock moving";
}

TEST_F(RequestHandlerTest, AWaitEndsWith404AndRetryAfter) {
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  advance(seconds(40));
  const Got got = finish(pending);
  expect_json(got, 404, "not_found", "Identity not found: ");
  EXPECT_TRUE(got.has_header("Retry-After: 20")) << got.head;
}

TEST_F(RequestHandlerTest, AWaitEndsWith503WhereTheFlagSaysSo) {
  options.authorizer.style.retry_after_503 = true;
  start();
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  advance(seconds(40));
  const Got got = finish(pending);
  EXPECT_EQ(got.status, 503);
  EXPECT_TRUE(got.has_header("Retry-After: 20")) << got.head;
}

struct LegacyRow {
  const char* what;
  bool created;
  const char* parameters;
  seconds deadline;
  const char* text;
};

TEST_F(RequestHandlerTest, LegacyRefusalsKeepTheirWaitsAndTexts) {
  const LegacyRow rows[] = {
      {"nothing created", false, "", seconds(80),
       "getting assigned identities for pod shop/web-0 in CREATED state failed after 16 attempts, retry duration [5]s, "
       "error: <nil>. Check MIC pod logs for identity assignment errors"},
      {"nothing created, one asked for", false, "&client_id=0123456789", seconds(80),
       "clientID in request: 0123##### REDACTED #####6789, getting assigned identities for pod shop/web-0 in CREATED "
       "state failed after 16 attempts, retry duration [5]s, error: <nil>. Check MIC pod logs for identity assignment "
       "errors"},
      {"created", true, "", seconds(100),
       "getting assigned identities for pod shop/web-0 in ASSIGNED state failed after 20 attempts, retry duration "
       "[5]s, "
       "error: <nil>. Check MIC pod logs for identity assignment errors"},
  };
  for (const bool flag : {false, true}) {
    options.authorizer.style = {.legacy = true, .retry_after_503 = flag};
    start();
    for (const LegacyRow& row : rows) {
      SCOPED_TRACE(row.what);
      builder.remove(assigned("reader"));
      put(usual_pod());
      if (row.created) put(assigned("reader", core::kCreated));
      builder.set_complete();
      publish();
      const Pending pending = begin(kTokenPath + row.parameters);
      advance(row.deadline - milliseconds(1));
      EXPECT_FALSE(pending.done());
      advance(milliseconds(1));
      const Got got = finish(pending);
      expect_text(got, flag ? 503 : 404, row.text);
      EXPECT_EQ(got.has_header("Retry-After: 20"), flag);
    }
  }
}

TEST_F(RequestHandlerTest, TheNamespaceRuleIsOldNewsToALegacyClientAtOnce) {
  options.authorizer.namespaced = true;
  options.authorizer.style.legacy = true;
  start();
  put(usual_pod());
  put(test::make_assigned(usual_pod(), test::make_identity("other", "reader"),
                          test::make_binding("other", "reader-binding", "reader"), core::kAssigned));
  builder.set_complete();
  publish();
  EXPECT_EQ(ask(kTokenPath).status, 404);
}

TEST_F(RequestHandlerTest, RetryFlagsDoNotStretchARefusalThatHasSettled) {
  options.authorizer.retry_limits = true;
  start();
  publish_usual();
  const Pending pending = begin(kTokenPath + "&client_id=another");
  advance(core::kQuietPeriod);
  EXPECT_EQ(finish(pending).status, 400);
}

TEST_F(RequestHandlerTest, RetryFlagsReplaceTheLongestWait) {
  options.authorizer.retry = {.attempts_for_created = 1, .attempts_for_assigned = 1, .interval_seconds = 1};
  options.authorizer.retry_limits = true;
  start();
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending none = begin(kTokenPath);
  advance(seconds(1));
  EXPECT_EQ(finish(none).status, 404);
  put(assigned("reader", core::kCreated));
  publish();
  const Pending created = begin(kTokenPath);
  advance(seconds(1));
  EXPECT_FALSE(created.done());
  advance(seconds(1));
  EXPECT_EQ(finish(created).status, 404);
}

TEST_F(RequestHandlerTest, RequestedIdentitiesCompareWithoutCase) {
  publish_usual();
  put(assigned("writer"));
  publish();
  EXPECT_EQ(ask(kTokenPath + "&client_id=CLIENT-writer").status, 200);
  EXPECT_EQ(tokens.requests.back().credential->client_id.text(), "client-writer");
  EXPECT_EQ(ask(kTokenPath + "&msi_res_id=" + test::identity_resource_id("READER")).status, 200);
  EXPECT_EQ(tokens.requests.back().credential->client_id.text(), "client-reader");
}

TEST_F(RequestHandlerTest, TokenErrorsSayWhoseTheyAre) {
  publish_usual();
  token_fails(base::ErrorKind::invalid, 400, "adal: Refresh request failed");
  expect_json(ask(kTokenPath), 403, "forbidden", "adal: Refresh request failed");
  clock.advance(seconds(2));
  legacy();
  expect_text(ask(kTokenPath), 403, "adal: Refresh request failed");
  token_fails(base::ErrorKind::unavailable, 0, "no route");
  clock.advance(seconds(2));
  expect_text(ask(kTokenPath), 503, "no route");
  token_fails(base::ErrorKind::invalid, 0, "unsupported identity type 7");
  expect_text(ask(kTokenPath), 503, "unsupported identity type 7");
  options.permanent_config_errors_403 = true;
  start();
  expect_text(ask(kTokenPath), 403, "unsupported identity type 7");
}

TEST_F(RequestHandlerTest, ThrottlingOfTheEndpointIsPassedOnAsSuch) {
  publish_usual();
  token_fails(base::ErrorKind::throttled, 429, "slow down");
  const auto answer = ask(kTokenPath);
  expect_json(answer, 429, "too_many_requests", "slow down");
  EXPECT_TRUE(answer.has_header("Retry-After: 1")) << answer.head;
  legacy();
  expect_text(ask(kTokenPath), 403, "slow down");
}

TEST_F(RequestHandlerTest, RetryAfterOfTheDirectoryIsNotForLegacyClients) {
  publish_usual();
  tokens.answer = [](const TokenRequest&) -> test::FakeTokenSource::Answer {
    base::Error error;
    error.kind = base::ErrorKind::unavailable;
    error.message = "busy";
    error.retry_after = seconds(7);
    return std::unexpected(error);
  };
  EXPECT_TRUE(ask(kTokenPath).has_header("Retry-After: 7"));
  legacy();
  const Got got = ask(kTokenPath + "2");
  expect_text(got, 503, "busy");
  EXPECT_FALSE(got.head.contains("Retry-After")) << got.head;
}

TEST_F(RequestHandlerTest, ClaimsForTheDirectoryAreAnObject) {
  core::AzureIdentity identity = test::make_identity("shop", "reader");
  identity.type = core::IdentityType::service_principal_secret;
  core::AzureIdentityBinding binding = test::make_binding("shop", "reader-binding", "reader");
  binding.meta.uid = "uid-binding";
  put(usual_pod());
  put(test::make_assigned(usual_pod(), identity, binding, core::kAssigned));
  builder.set_complete();
  publish();
  expect_json(ask(kTokenPath + "&claims=%7B"), 400, "invalid_request", "parameter claims: ");
  EXPECT_TRUE(tokens.requests.empty());
  EXPECT_EQ(ask(kTokenPath + "&claims=%7B%7D").status, 200);
}

TEST_F(RequestHandlerTest, ExceptedPodsGetTokensOfTheNode) {
  core::Pod pod = usual_pod();
  pod.labels = {{"app", "agent"}};
  put(pod);
  core::AzurePodIdentityException exception;
  exception.meta.ns = "shop";
  exception.meta.name = "e";
  exception.pod_labels = {{"app", "AGENT"}};
  builder.put(std::make_shared<const core::AzurePodIdentityException>(exception));
  builder.set_complete();
  publish();
  EXPECT_EQ(ask(kTokenPath).status, 200);
  EXPECT_EQ(tokens.requests.back().credential->client_id.text(), "");
  EXPECT_EQ(ask(kTokenPath + "&client_id=x").status, 200);
  EXPECT_EQ(tokens.requests.back().credential->client_id.text(), "x");
  EXPECT_EQ(ask(kTokenPath + "&mi_res_id=y").status, 200);
  EXPECT_EQ(tokens.requests.back().credential->resource_id.text(), "y");
  legacy();
  token_fails(base::ErrorKind::unavailable, 0, "boom");
  expect_text(ask(kTokenPath + "&client_id=z"), 403, "failed to get service principal token, error: boom");
}

TEST_F(RequestHandlerTest, ProcessesOfTheNodeGetTokensOfAPod) {
  publish_usual();
  const std::string path = "/host/token?resource=r";
  const std::string headers = "podns: shop\r\npodname: web-0\r\n";
  legacy();
  expect_text(ask(path, "podns: shop\r\n", "127.0.0.1"), 400, "missing 'podname' and 'podns' from request header");
  expect_text(ask(path, headers, "127.0.0.5"), 500, "request remote address is not from a host");
  expect_text(ask("/host/token", headers, "127.0.0.1"), 400, "parameter resource cannot be empty");
  const Got got = ask(path, headers, "127.0.0.1");
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.body.starts_with("{\"token\":{\"access_token\":\"token-1\"")) << got.body;
  EXPECT_TRUE(got.body.ends_with("},\"clientid\":\"client-reader\"}")) << got.body;
  // NMI-12: the pod must be on this node.
  const Pending stranger = begin(path, "127.0.0.1", "podns: shop\r\npodname: web-9\r\n");
  advance(milliseconds(1200));
  const Got missing = finish(stranger);
  EXPECT_EQ(missing.status, 404);
  EXPECT_FALSE(missing.head.contains("Retry-After"));
  options.host_token = false;
  start();
  EXPECT_EQ(ask(path, headers, "127.0.0.1").status, 404);
}

// The better door: whoever may open the socket is known by its user, and TCP can be switched off.
TEST_F(RequestHandlerTest, HostTokensAtASocketOfTheNode) {
  options.host_token = false;
  start();
  publish_usual();
  const test::TemporaryFolder folder;
  const std::string path = folder.file("host.sock");
  ASSERT_TRUE(server->listen_unix({.path = path, .uids = {::geteuid()}}));
  const auto ask_there = [&](const std::string& target, const std::string& headers) {
    test::RawClient client(io.get_executor());
    EXPECT_TRUE(client.connect_unix(path));
    test::run_task(
        io, client.write("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n"));
    return test::parse_answer(test::run_task(io, client.read_to_end()));
  };
  const std::string pod = "podns: shop\r\npodname: web-0\r\n";
  const Got got = ask_there("/host/token?resource=r", pod);
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.body.starts_with("{\"token\":{\"access_token\":\"token-1\"")) << got.body;
  for (const char* other : {"/metadata/identity/oauth2/token?resource=r", "/metadata/instance", "/"}) {
    expect_json(ask_there(other, "Metadata: true\r\n"), 404, "not_found", "at this socket there is /host/token alone");
  }
  EXPECT_EQ(ask("/host/token?resource=r", pod, "127.0.0.1").status, 404) << "switched off";
}

TEST_F(RequestHandlerTest, WaitingRequestsOfAPodAreLimitedAndOthersAreServed) {
  options.max_waiting_per_pod = 2;
  start();
  publish_usual();
  core::Pod waiting = test::make_pod("shop", "slow");
  waiting.pod_ips = {"127.0.0.6"};
  put(waiting);
  publish();
  const Pending first = begin(kTokenPath, "127.0.0.6");
  const Pending second = begin(kTokenPath, "127.0.0.6");
  const Got third = ask(kTokenPath, "Metadata: true\r\n", "127.0.0.6");
  EXPECT_EQ(third.status, 429);
  EXPECT_TRUE(third.has_header("Retry-After: 1")) << third.head;
  EXPECT_EQ(ask(kTokenPath).status, 200);
  advance(seconds(40));
  EXPECT_EQ(finish(first).status, 404);
  EXPECT_EQ(finish(second).status, 404);
}

TEST_F(RequestHandlerTest, AClientThatLeavesGivesItsPlaceBack) {
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  EXPECT_EQ(handler->waiting(), 1u);
  pending.client->close();
  EXPECT_TRUE(test::run_until(io, [this] { return handler->waiting() == 0; }));
}

TEST_F(RequestHandlerTest, WhoWaitsForAnAssignmentDoesNotHoldUpARestart) {
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  handler->drain();
  const Got got = finish(pending);
  EXPECT_EQ(got.status, 503);
  EXPECT_TRUE(got.has_header("Retry-After: 1")) << got.head;
  put(assigned("reader"));
  publish();
  EXPECT_EQ(ask(kTokenPath).status, 200) << "what needs no wait is answered to the end";
}

TEST_F(RequestHandlerTest, RequestsOfAPodAreLimitedByRate) {
  options.max_requests_per_pod = 2;
  start();
  publish_usual();
  EXPECT_EQ(ask(kTokenPath).status, 200);
  EXPECT_EQ(ask(kTokenPath).status, 200);
  EXPECT_EQ(ask(kTokenPath).status, 429);
  clock.advance(seconds(1));
  EXPECT_EQ(ask(kTokenPath).status, 200);
}

TEST_F(RequestHandlerTest, EveryIssuanceIsCountedOnce) {
  publish_usual();
  for (int i = 0; i < 5; ++i) ask(kTokenPath);
  ask("/host/token?resource=r", "podns: shop\r\npodname: web-0\r\n", "127.0.0.1");
  const std::vector<Issuance> taken = handler->issuances().take();
  std::uint64_t count = 0;
  for (const Issuance& issuance : taken) {
    count += issuance.count;
    EXPECT_EQ(issuance.binding->meta.name, "reader-binding");
    EXPECT_EQ(issuance.identity->meta.name, "reader");
  }
  EXPECT_EQ(count, 6u);
  EXPECT_TRUE(handler->issuances().take().empty());
}

TEST_F(RequestHandlerTest, MetricsNameStatusNamespaceAndResource) {
  publish_usual();
  ask("/METADATA/identity/oauth2/token/x/?resource=r");
  ask("/metadata/identity/oauth2/token", "");
  const std::string text = metrics.expose();
  EXPECT_TRUE(
      text.contains("aadpodidentity_nmi_operations_duration_seconds_count{operation_type="
                    "\"/metadata/identity/oauth2/token/\",status_code=\"200\",namespace=\"shop\",resource=\"r\"} 1"))
      << text;
  EXPECT_TRUE(text.contains("status_code=\"400\",namespace=\"\",resource=\"\"} 1")) << text;
}

// ---- proxy ----

TEST_F(RequestHandlerTest, NonsenseFromOnePodTakesNoMetricLabelFromTheOthers) {
  put(usual_pod());
  core::Pod stray = test::make_pod("shop", "stray");
  stray.pod_ips = {"127.0.0.7"};
  stray.labels.clear();
  put(stray);
  put(assigned("reader"));
  builder.set_complete();
  publish();
  for (std::size_t i = 0; i <= ResourceLabels::kMostRefused; ++i) {
    const std::string path = "/metadata/identity/oauth2/token?resource=nonsense" + std::to_string(i);
    EXPECT_EQ(ask(path, "Metadata: true\r\n", "127.0.0.7").status, 400);
  }
  EXPECT_EQ(ask(kTokenPath).status, 200);
  const std::string text = metrics.expose();
  EXPECT_TRUE(text.contains("resource=\"https://vault.azure.net\""));
  EXPECT_TRUE(text.contains("resource=\"nonsense0\""));
  EXPECT_TRUE(text.contains("resource=\"other\""));
  EXPECT_FALSE(text.contains("resource=\"nonsense" + std::to_string(ResourceLabels::kMostRefused) + "\""));
}

}  // namespace
}  // namespace podid::nmi
