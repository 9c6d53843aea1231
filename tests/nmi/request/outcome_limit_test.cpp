// SPDX-License-Identifier: Apache-2.0
// Who asks for too much is told so (NMI-23), and grows no metric (NMI-21).
#include <gtest/gtest.h>

#include <map>

#include "base/file.hpp"
#include "net/http_client.hpp"
#include "nmi/fake_keeper.hpp"
#include "nmi/nmi.hpp"
#include "nmi/request/outcome_fixture.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::variant;

class OutcomeLimitTest : public test::OutcomeFixture {
 protected:
  // Pods .5 with a token, .6 and .7 that wait for an identity.
  Cluster crowd() const {
    Cluster cluster{.pods = {usual_pod()}, .assigned = {assigned("reader")}};
    for (const char* address : {"127.0.0.6", "127.0.0.7"}) {
      cluster.pods.push_back(test::make_pod("shop", address));
      cluster.pods.back().pod_ips = {address};
    }
    return cluster;
  }
};

struct LimitRow {
  const char* what;
  void (*limit)(RequestHandlerOptions&, TokenCacheOptions&, ProxyOptions&);
  const char* first_from;  // whose request takes what there is
  const char* from;
  const char* target;
  const char* message;
};

TEST_F(OutcomeLimitTest, WhatIsTooMuchIs429) {
  constexpr const char* kToken = "/metadata/identity/oauth2/token?resource=second";
  const LimitRow rows[] = {
      {"waiting requests of a pod", [](auto& handler, auto&, auto&) { handler.max_waiting_per_pod = 1; }, "127.0.0.6",
       "127.0.0.6", kToken, "too many requests of this pod, or of all, wait already"},
      {"waiting requests", [](auto& handler, auto&, auto&) { handler.max_waiting = 1; }, "127.0.0.6", "127.0.0.7",
       kToken, "too many requests of this pod, or of all, wait already"},
      {"waiting requests, forwarded ones too", [](auto& handler, auto&, auto&) { handler.max_waiting = 1; },
       "127.0.0.6", "127.0.0.7", "/metadata/instance", "too many requests at once"},
      {"rate of a pod", [](auto& handler, auto&, auto&) { handler.max_requests_per_pod = 1; }, "127.0.0.5", "127.0.0.5",
       kToken, "this pod asks too often"},
      {"rate of a pod, whatever it asks", [](auto& handler, auto&, auto&) { handler.max_requests_per_pod = 1; },
       "127.0.0.5", "127.0.0.5", "/metadata/instance", "this pod asks too often"},
      {"new tokens of a pod", [](auto&, auto& cache, auto&) { cache.pod_burst = cache.pod_rate = 1; }, "127.0.0.5",
       "127.0.0.5", kToken, "this pod has asked for too many different tokens in a short time"},
      {"forwarded requests", [](auto&, auto&, auto& proxy) { proxy.max_forwarded = 0; }, "127.0.0.5", "127.0.0.5",
       "/metadata/instance", "too many requests to the metadata endpoint at once"},
  };
  for (const LimitRow& row : rows) {
    for (const bool legacy : kBoth) {
      SCOPED_TRACE(variant(row.what, legacy, false));
      options = RequestHandlerOptions();
      options.authorizer.node_name = "node-a";
      TokenCacheOptions cache_options;
      ProxyOptions unlimited = proxy_options;
      row.limit(options, cache_options, proxy_options);
      fetch_from(tokens, cache_options);
      serve(crowd(), {.legacy = legacy});
      const Pending first = begin("/metadata/identity/oauth2/token?resource=first", row.first_from);
      const Got got = ask(row.target, "Metadata: true\r\n", row.from);
      expect_told(got, legacy, {429, row.message, 1});
      advance(seconds(80));
      finish(first);
      proxy_options = unlimited;
    }
  }
}

// Of the whole NMI, since connections are refused before a handler sees them.
TEST(OutcomeConnections, ThoseBeyondTheLimitsAreAnswered) {
  test::TemporaryFolder folder;
  const std::string kubeconfig = folder.file("kubeconfig");
  ASSERT_TRUE(
      base::write_file(kubeconfig,
                       "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: "
                       "\"http://127.0.0.1:1\"}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"));
  struct Row {
    const char* what;
    int all;
    int per_pod;
    const char* from;
  };
  for (const Row& row : {Row{"of a pod", 100, 1, "127.0.0.8"}, Row{"of all pods", 1, 1, "127.0.0.9"}}) {
    for (const bool legacy : kBoth) {
      SCOPED_TRACE(variant(row.what, legacy, false));
      NmiOptions options;
      options.kubeconfig = kubeconfig;
      options.node = "node-a";
      options.redirect = "none";
      options.workers = 1;
      options.port = options.probe_port = options.prometheus_port = 0;
      options.probe_address = "127.0.0.1";
      options.max_connections = row.all;
      options.max_connections_per_pod = row.per_pod;
      options.legacy_refusals = legacy;
      base::RealClock clock;
      base::SystemRandom random;
      base::MetricsRegistry metrics;
      FakeKeeper keeper;
      base::Result<kube::ClusterConfig> cluster = kube::load_cluster_config(kubeconfig);
      ASSERT_TRUE(cluster);
      Nmi nmi(options, NmiDependencies{.http = net::http_over_sockets(clock),
                                       .clock = clock,
                                       .random = random,
                                       .metrics = metrics,
                                       .cluster = std::move(*cluster),
                                       .keeper = keeper.take_server_end(),
                                       .proof_key = "key",
                                       .events = {}});
      const base::Result<> opened = nmi.open();
      ASSERT_TRUE(opened) << opened.error().message;
      nmi.start();
      base::asio::io_context io{1};
      const auto connect = [&](const char* from) {
        test::RawClient raw(io.get_executor());
        test::run_task(io, raw.connect_from(from, {boost::asio::ip::address_v4::loopback(), nmi.service_port()}));
        return raw;
      };
      const test::RawClient held = connect("127.0.0.8");
      test::RawClient refused = connect(row.from);
      const Got got = test::parse_answer(test::run_task(io, refused.read_to_end()));
      EXPECT_EQ(got.status, 429);
      EXPECT_TRUE(got.has_header("Retry-After: 1")) << got.head;
      const std::string message = "too many connections, or too much unanswered data";
      EXPECT_EQ(got.body,
                legacy ? message + "\n" : R"({"error":"too_many_requests","error_description":")" + message + "\"}");
    }
  }
}

// ---- metric labels (NMI-21) ----

TEST_F(OutcomeLimitTest, OperationsInMetricsAreFourWhateverThePath) {
  serve(crowd(), {});
  const std::pair<const char*, const char*> rows[] = {
      {"/metadata/identity/oauth2/token", "/metadata/identity/oauth2/token"},
      {"/METADATA/identity/oauth2/token", "/metadata/identity/oauth2/token"},
      {"/metadata/identity/oauth2/tokenx", "/metadata/identity/oauth2/token"},
      {"/metadata/identity/oauth2/token/a/b", "/metadata/identity/oauth2/token"},
      {"/metadata/identity/oauth2/%74oken", "/metadata/identity/oauth2/token"},
      {"/metadata/identity/oauth2/token/", "/metadata/identity/oauth2/token/"},
      {"/metadata/identity/oauth2/token/a/", "/metadata/identity/oauth2/token/"},
      {"/host/token", "/host/token"},
      {"/host/tokens", "/host/token"},
      {"/host/token/a", "/host/token"},
      {"/host/token/", "/host/token/"},
      {"/host/token/a/", "/host/token/"},
  };
  std::map<std::string, int> expected;
  for (const auto& [path, operation] : rows) {
    const bool host = std::string_view(operation).starts_with("/host");
    const Got got = ask(std::string(path) + "?resource=r", "Metadata: true\r\npodns: shop\r\npodname: web-0\r\n",
                        host ? "127.0.0.1" : "127.0.0.5");
    EXPECT_EQ(got.status, 200) << path;
    ++expected[operation];
  }
  const std::string text = metrics.expose();
  const std::string series = "aadpodidentity_nmi_operations_duration_seconds_count{operation_type=\"";
  for (const auto& [operation, count] : expected) {
    EXPECT_TRUE(text.contains(series + operation + "\",status_code=\"200\",namespace=\"shop\",resource=\"r\"} " +
                              std::to_string(count) + "\n"))
        << operation << text;
  }
  std::size_t found = 0;
  for (std::size_t at = text.find(series); at != std::string::npos; at = text.find(series, at + 1)) ++found;
  EXPECT_EQ(found, expected.size());
}

TEST_F(OutcomeLimitTest, ResourcesInMetricsAreLimitedEvenWhereTokensAreGranted) {
  fetch_from(tokens, {.pod_rate = 0});
  serve(crowd(), {});
  constexpr std::size_t kMore = 3;
  for (std::size_t i = 0; i < ResourceLabels::kMost + kMore; ++i) {
    ASSERT_EQ(ask("/metadata/identity/oauth2/token?resource=r" + std::to_string(i)).status, 200);
  }
  const std::string text = metrics.expose();
  const auto count_of = [&text](const std::string& resource, std::size_t count) {
    return text.contains(
        "_count{operation_type=\"/metadata/identity/oauth2/token\",status_code=\"200\",namespace="
        "\"shop\",resource=\"" +
        resource + "\"} " + std::to_string(count) + "\n");
  };
  EXPECT_TRUE(count_of("r0", 1));
  EXPECT_TRUE(count_of("r" + std::to_string(ResourceLabels::kMost - 1), 1));
  EXPECT_TRUE(count_of("other", kMore));
  EXPECT_FALSE(text.contains("resource=\"r" + std::to_string(ResourceLabels::kMost) + "\""));
}

}  // namespace
}  // namespace podid::nmi
