// SPDX-License-Identifier: Apache-2.0
// The whole daemon, without a redirect: real threads, a model API server, a model of the node's endpoint.
#include "nmi/nmi.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "base/json.hpp"
#include "core/model/resources_json.hpp"
#include "net/http_client.hpp"
#include "nmi/fake_keeper.hpp"
#include "nmi/request/request_fixture.hpp"
#include "support/model_server.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"
#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

using test::Got;
using test::kTokenPath;

// The client ID of the identity that the endpoint is asked for by its resource ID (test::identity_resource_id()).
std::string client_in(const std::string& target) {
  constexpr std::string_view kType = "userAssignedIdentities%2F";
  const std::size_t at = target.find(kType) + kType.size();
  return "client-" + target.substr(at, target.find('&', at) - at);
}

net::Response token_response(const std::string& target, const std::string& token, const std::string& lifetime) {
  net::Response response;
  response.status = 200;
  response.body = R"({"access_token":")" + token + R"(","expires_in":")" + lifetime +
                  R"(","resource":"https://vault.azure.net","token_type":"Bearer","client_id":")" + client_in(target) +
                  "\"}";
  return response;
}

// API server and endpoint on a thread of their own.
class Outside {
 public:
  Outside() {
    imds.reply = [](const std::string& target) { return token_response(target, "real", "86399"); };
    api = std::make_unique<test::ModelServer>(io.get_executor());
    imds_server = std::make_unique<net::HttpServer>(io.get_executor(), clock, imds, net::ServerLimits{});
    imds_port = imds_server->listen({})->port();
    thread = std::thread([this] { io.run(); });
  }
  ~Outside() {
    base::asio::post(io, [this] { base::asio::co_spawn(io, stop_all(), base::asio::detached); });
    thread.join();
  }
  // On the thread of the servers.
  template <class F>
  auto run(F function) {
    std::promise<decltype(function())> promise;
    auto future = promise.get_future();
    base::asio::post(io, [&] {
      if constexpr (std::is_void_v<decltype(function())>) {
        function();
        promise.set_value();
      } else {
        promise.set_value(function());
      }
    });
    return future.get();
  }
  void put(const std::string& path, boost::json::object object) {
    run([&] { api->put(path, std::move(object)); });
  }

  base::RealClock clock;
  base::asio::io_context io{1};
  base::asio::executor_work_guard<base::Executor> work{io.get_executor()};
  std::unique_ptr<test::ModelServer> api;
  test::FakeImds imds;
  std::unique_ptr<net::HttpServer> imds_server;
  std::uint16_t imds_port = 0;
  std::thread thread;

 private:
  base::Task<> stop_all() {
    co_await api->stop();
    co_await imds_server->stop(net::Deadline::passed());
    io.stop();
  }
};

boost::json::object pod_json(const core::Pod& pod) {
  boost::json::object labels;
  for (const auto& [key, value] : pod.labels) labels[key] = value;
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"namespace", pod.ns}, {"name", pod.name}, {"uid", pod.uid}, {"labels", labels}}},
          {"spec", {{"nodeName", "node-a"}}},
          {"status", {{"phase", "Running"}, {"podIP", pod.pod_ips.at(0)}}}};
}

class NmiTest : public ::testing::Test {
 protected:
  NmiTest() {
    const std::string kubeconfig = folder.file("kubeconfig");
    const std::string text =
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"" +
        outside.api->url() +
        "\"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";
    EXPECT_TRUE(base::write_file(kubeconfig, text));
    options.kubeconfig = kubeconfig;
    options.node = "node-a";
    options.redirect = "none";
    options.workers = 2;
    options.port = options.probe_port = options.prometheus_port = 0;
    options.probe_address = "127.0.0.1";
    options.metadata_ip = "127.0.0.1";
    options.metadata_port = outside.imds_port;
    outside.put("/api/v1/nodes/node-a", {{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "node-a"}}}});
  }
  std::unique_ptr<Nmi> make_nmi(const NmiOptions& with, FakeKeeper& from) {
    base::Result<kube::ClusterConfig> cluster = kube::load_cluster_config(with.kubeconfig);
    EXPECT_TRUE(cluster);
    return std::make_unique<Nmi>(with,
                                 NmiDependencies{.http = net::http_over_sockets(clock),
                                                 .clock = clock,
                                                 .random = random,
                                                 .metrics = metrics,
                                                 .cluster = std::move(*cluster),
                                                 .keeper = from.take_server_end(),
                                                 .proof_key = "key",
                                                 .events = {.on_drain = [this] { told_to_end.set_value(); },
                                                            .on_lost = [this](const base::Error&) { lost.set_value(); },
                                                            .on_token = {}}});
  }
  void start() {
    nmi = make_nmi(options, keeper);
    const base::Result<> opened = nmi->open();
    ASSERT_TRUE(opened) << opened.error().message;
    nmi->start();
    ASSERT_TRUE(test::run_until(io, [this] { return get(nmi->probe_port(), "/healthz").body == "Active"; }));
  }
  void start_ready() {
    start();
    ASSERT_TRUE(test::run_until(io, [this] { return get(nmi->probe_port(), "/readyz").status == 200; }));
  }
  void put_pod(const core::Pod& pod) {
    outside.put("/api/v1/namespaces/" + pod.ns + "/pods/" + pod.name, pod_json(pod));
  }
  void put_assigned(const core::Pod& pod, const std::string& identity, std::string_view status = core::kAssigned) {
    core::AzureIdentityBinding binding = test::make_binding("shop", identity + "-binding", identity);
    binding.meta.uid = "uid-binding";
    core::AzureAssignedIdentity assigned =
        test::make_assigned(pod, test::make_identity("shop", identity), binding, status);
    assigned.meta.annotations.clear();  // the server gives uids
    outside.put("/apis/aadpodidentity.k8s.io/v1/namespaces/shop/azureidentitybindings/" + binding.meta.name,
                core::write_azure_identity_binding(binding));
    outside.put("/apis/aadpodidentity.k8s.io/v1/namespaces/shop/azureidentities/" + identity,
                core::write_azure_identity(assigned.identity));
    outside.put("/apis/aadpodidentity.k8s.io/v1/namespaces/default/azureassignedidentities/" + assigned.meta.name,
                core::write_azure_assigned_identity(assigned));
  }
  static core::Pod pod(const std::string& name, const std::string& address) {
    core::Pod pod = test::make_pod("shop", name);
    pod.pod_ips = {address};
    return pod;
  }
  static Got ask(base::asio::io_context& loop, std::uint16_t port, const std::string& target,
                 const std::string& from = "127.0.0.1") {
    test::RawClient raw(loop.get_executor());
    test::run_task(loop, raw.connect_from(from, {boost::asio::ip::address_v4::loopback(), port}));
    test::run_task(loop,
                   raw.write("GET " + target +
                             " HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\nMetadata: true\r\n\r\n"));
    return test::parse_answer(test::run_task(loop, raw.read_to_end()));
  }
  test::RawClient connect_from(const std::string& address) { return connect_from(address, nmi->service_port()); }
  test::RawClient connect_from(const std::string& address, std::uint16_t port) {
    test::RawClient raw(io.get_executor());
    test::run_task(io, raw.connect_from(address, {boost::asio::ip::address_v4::loopback(), port}));
    return raw;
  }
  Got get(std::uint16_t port, const std::string& target) { return ask(io, port, target); }
  Got token(const std::string& from) { return ask(io, nmi->service_port(), kTokenPath, from); }

  // How often events with this reason were recorded on objects of this kind.
  std::int64_t recorded(const std::string& reason, const std::string& kind) {
    return outside.run([&] {
      std::int64_t count = 0;
      std::set<std::string> names;  // a create that was cut off is repeated
      for (const net::Request& request : outside.api->requests) {
        if (request.method != "POST" || !request.target.contains("/events")) continue;
        const std::string name(base::text_at(boost::json::parse(request.body), {"metadata", "name"}));
        if (!names.insert(name).second) continue;
        const boost::json::object* event = outside.api->find("/apis/events.k8s.io/v1/namespaces/shop/events/" + name);
        if (event == nullptr || base::text_at(*event, {"reason"}) != reason) continue;
        if (base::text_at(*event, {"regarding", "kind"}) != kind) continue;
        count += event->contains("series") ? base::integer_at(*event, {"series", "count"}) : 1;
      }
      return count;
    });
  }

  test::TemporaryFolder folder;
  Outside outside;
  base::RealClock clock;
  base::SystemRandom random;
  base::MetricsRegistry metrics;
  base::asio::io_context io{1};
  NmiOptions options;
  FakeKeeper keeper;
  std::promise<void> told_to_end, lost;
  std::unique_ptr<Nmi> nmi;
};

TEST_F(NmiTest, APodGetsATokenAndTheBindingAnEvent) {
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  for (int i = 0; i < 3; ++i) {
    const Got got = token("127.0.0.5");
    ASSERT_EQ(got.status, 200) << got.body;
    EXPECT_TRUE(got.body.starts_with("{\"access_token\":\"real\"")) << got.body;
  }
  EXPECT_EQ(outside.run([this] { return outside.imds.requests.size(); }), 1u) << "one call upstream";
  nmi->stop();
  EXPECT_EQ(recorded("TokenIssued", "AzureIdentityBinding"), 3);
}

TEST_F(NmiTest, ARefusalIsAnEventOnThePod) {
  core::Pod bare = pod("bare", "127.0.0.6");
  bare.labels.clear();
  put_pod(bare);
  start_ready();
  EXPECT_EQ(token("127.0.0.6").status, 400);
  nmi->stop();
  EXPECT_EQ(recorded("TokenDenied", "Pod"), 1);
}

TEST_F(NmiTest, AnAssignmentAnswersTheRequestThatWaitsForIt) {
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader", core::kCreated);
  start_ready();
  auto waiting = std::async(std::launch::async, [this] {
    base::asio::io_context own(1);
    return ask(own, nmi->service_port(), kTokenPath, "127.0.0.5");
  });
  put_assigned(web, "reader");  // before or after the request came: either way it is answered
  EXPECT_EQ(waiting.get().status, 200);
}

TEST_F(NmiTest, AnIdentityThatIsDeletedGivesNoMoreTokensAlsoWithoutTheController) {
  options.max_wait = std::chrono::milliseconds(1);
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  EXPECT_EQ(token("127.0.0.5").status, 200);
  outside.run([this] { outside.api->remove("/apis/aadpodidentity.k8s.io/v1/namespaces/shop/azureidentities/reader"); });
  ASSERT_TRUE(test::run_until(io, [this] { return token("127.0.0.5").status == 404; }));
}

TEST_F(NmiTest, ProbesSayWhatIsMissing) {
  outside.run([this] {
    outside.api->intercept = [](const net::Request& request) -> std::optional<net::Response> {
      if (!request.target.contains("azureassignedidentities")) return std::nullopt;
      net::Response response;
      response.status = 503;
      response.body = "away";
      return response;
    };
  });
  start();
  EXPECT_EQ(get(nmi->probe_port(), "/healthz").body, "Active");
  EXPECT_EQ(get(nmi->probe_port(), "/livez").status, 200);
  const Got not_ready = get(nmi->probe_port(), "/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_TRUE(not_ready.body.contains("caches are not filled")) << not_ready.body;
  EXPECT_EQ(get(nmi->probe_port(), "/debug/pprof/").status, 404);
  outside.run([this] { outside.api->intercept = nullptr; });
  EXPECT_TRUE(test::run_until(io, [this] { return get(nmi->probe_port(), "/readyz").status == 200; }));
  EXPECT_TRUE(get(nmi->metrics_port(), "/metrics").body.contains("aadpodidentity_nmi_redirect_active 1"));
}

TEST_F(NmiTest, StartupTaintsGoWhenTheNodeIsReady) {
  outside.put("/api/v1/nodes/node-a", {{"apiVersion", "v1"},
                                       {"kind", "Node"},
                                       {"metadata", {{"name", "node-a"}}},
                                       {"spec",
                                        {{"taints",
                                          {{{"key", "startup.aadpodidentity.k8s.io/nmi"}, {"effect", "NoSchedule"}},
                                           {{"key", "mine"}, {"effect", "NoSchedule"}}}}}}});
  start_ready();
  EXPECT_TRUE(test::run_until(io, [this] {
    return outside.run([this] {
      const boost::json::value node = *outside.api->find("/api/v1/nodes/node-a");
      const boost::json::value* taints = base::find_path(node, {"spec", "taints"});
      return taints->as_array().size() == 1 && base::text_at(taints->as_array()[0], {"key"}) == "mine";
    });
  }));
}

TEST_F(NmiTest, CachedTokensAreServedWhileTheApiServerIsAway) {
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  EXPECT_EQ(token("127.0.0.5").status, 200);
  outside.run([this] {
    outside.api->intercept = [](const net::Request&) { return net::Response{}; };
    outside.api->end_watches(false);
  });
  EXPECT_EQ(token("127.0.0.5").status, 200);
  outside.run([this] { outside.api->intercept = nullptr; });
}

// On real threads: connections go to either worker.
TEST_F(NmiTest, AChallengeReachesEveryWorker) {
  outside.run([this] {
    outside.imds.reply = [number = 0](const std::string& target) mutable {
      return token_response(target, std::to_string(++number), "86399");
    };
  });
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  const auto all_get = [this](const std::string& expected) {
    for (int i = 0; i < 20; ++i) {
      const Got got = token("127.0.0.5");
      EXPECT_TRUE(got.body.starts_with("{\"access_token\":\"" + expected + "\"")) << got.body;
    }
  };
  all_get("1");
  EXPECT_EQ(ask(io, nmi->service_port(), kTokenPath + "&bypass_cache=true", "127.0.0.5").status, 200);
  all_get("2");
}

TEST_F(NmiTest, ConnectionsBeyondAPodsShareAreAnswered) {
  options.max_connections_per_pod = 1;
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  const test::RawClient held = connect_from("127.0.0.9");
  const Got got = token("127.0.0.9");
  EXPECT_EQ(got.status, 429);
  EXPECT_TRUE(got.has_header("Retry-After: 1")) << got.head;
  EXPECT_TRUE(got.body.starts_with("{\"error\":\"too_many_requests\",\"error_description\":\"")) << got.body;
  EXPECT_EQ(token("127.0.0.5").status, 200) << "another pod";
}

TEST_F(NmiTest, APodsUnfinishedHeadsTakeALimitedShareOfTheMemory) {
  const core::Pod web = pod("web-0", "127.0.0.5");
  put_pod(web);
  put_assigned(web, "reader");
  start_ready();
  constexpr std::size_t kHeads = 200, kHeadBytes = 60'000;
  constexpr std::size_t kLimit = 4 * 1024 * 1024;
  std::vector<std::unique_ptr<test::RawClient>> heads;
  for (std::size_t i = 0; i < kHeads; ++i) {
    heads.push_back(std::make_unique<test::RawClient>(connect_from("127.0.0.9")));
    test::run_task(
        io, heads.back()->write("GET / HTTP/1.1\r\nHost: 169.254.169.254\r\nX: " + std::string(kHeadBytes, 'x')));
  }
  EXPECT_EQ(token("127.0.0.5").status, 200) << "another pod";
  EXPECT_NE(token("127.0.0.9").status, 429) << "what is small has room";
  std::size_t refused = 0;
  for (const auto& head : heads) {
    head->shutdown_send();
    const std::string answer = test::run_task(io, head->read_to_end());
    if (answer.starts_with("HTTP/1.1 429 ") && answer.contains("\"error\":\"too_many_requests\"")) ++refused;
  }
  EXPECT_GE(refused, kHeads - kLimit / kHeadBytes);
  EXPECT_LT(refused, kHeads);
}

TEST_F(NmiTest, APodCannotKeepTheKubeletFromTheProbes) {
  start();
  std::vector<std::unique_ptr<test::RawClient>> flood;
  for (int i = 0; i < 300; ++i) {
    flood.push_back(std::make_unique<test::RawClient>(connect_from("127.0.0.9", nmi->probe_port())));
  }
  EXPECT_EQ(ask(io, nmi->probe_port(), "/livez", "127.0.0.9").status, 429);
  EXPECT_EQ(get(nmi->probe_port(), "/livez").status, 200);
  EXPECT_EQ(get(nmi->metrics_port(), "/metrics").status, 200);
}

TEST_F(NmiTest, APortInUseIsNamed) {
  start();
  NmiOptions same = options;
  same.probe_port = nmi->probe_port();
  FakeKeeper its_keeper;
  const std::unique_ptr<Nmi> second = make_nmi(same, its_keeper);
  const base::Result<> opened = second->open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.contains(std::to_string(same.probe_port))) << opened.error().message;
}

TEST_F(NmiTest, TheKeeperIsToldWhenTheServiceListensAndWhenItHasEnded) {
  nmi = make_nmi(options, keeper);
  const base::Result<> opened = nmi->open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(keeper.next(), std::nullopt) << "no thread answers yet";
  nmi->start({.wants_token = true});
  ASSERT_TRUE(test::run_until(io, [this] { return keeper.next() == Message(Ready{.wants_token = true}); }));
  keeper.tell(Drain{});
  told_to_end.get_future().wait();
  EXPECT_EQ(keeper.next(), std::nullopt) << "requests may be in flight";
  nmi->stop();
  EXPECT_EQ(keeper.next(), Message(Drained{}));
}

TEST_F(NmiTest, WhereAProberRunsItHasAskedBeforeTheNmiIsReadyAndTheKeeperIsToldSo) {
  options.prober_namespace = "shop";
  core::Pod prober = pod("prober", "127.0.0.9");
  prober.labels["component"] = "podid-prober";
  put_pod(prober);
  start();
  std::string problem;
  ASSERT_TRUE(test::run_until(io, [&] {
    problem = get(nmi->probe_port(), "/readyz").body;
    return !problem.contains("caches are not filled");
  }));
  EXPECT_TRUE(problem.contains("the prober on this node has not asked")) << problem;
  EXPECT_EQ(ask(io, nmi->service_port(), "/podid/prove?nonce=0123456789abcdef0123", "127.0.0.9").status, 200);
  EXPECT_EQ(get(nmi->probe_port(), "/readyz").status, 200);
  EXPECT_TRUE(test::run_until(io, [this] { return keeper.next() == Message(Proven{}); }));
}

TEST_F(NmiTest, WhatTheKeeperKnowsIsShown) {
  start();
  keeper.tell(KeeperState{.active = false,
                          .problem = "the redirect was altered",
                          .measured = {{.metric = 0, .value = 0}, {.metric = 1, .value = 3}}});
  ASSERT_TRUE(test::run_until(io, [this] { return get(nmi->probe_port(), "/healthz").body == "Not Active"; }));
  EXPECT_TRUE(get(nmi->probe_port(), "/readyz").body.contains("the redirect was altered"));
  const std::string shown = get(nmi->metrics_port(), "/metrics").body;
  EXPECT_TRUE(shown.contains("aadpodidentity_nmi_redirect_active 0\n")) << shown;
  EXPECT_TRUE(shown.contains("aadpodidentity_nmi_redirect_repairs_total 3\n")) << shown;
}

TEST_F(NmiTest, AKeeperThatHasEndedIsNoticed) {
  start();
  keeper.end();
  lost.get_future().wait();
}

// For the thread sanitizer: several workers, clients on several threads, pods that come and go meanwhile.
TEST_F(NmiTest, ManyClientsWhilePodsComeAndGo) {
  std::vector<core::Pod> pods;
  for (int i = 5; i < 9; ++i) {
    pods.push_back(pod("web-" + std::to_string(i), "127.0.0." + std::to_string(i)));
    put_pod(pods.back());
    put_assigned(pods.back(), "reader-" + std::to_string(i));
  }
  start_ready();
  std::vector<std::future<int>> clients;
  for (const core::Pod& client : pods) {
    clients.push_back(std::async(std::launch::async, [this, from = client.pod_ips[0]] {
      base::asio::io_context own(1);
      int served = 0;
      for (int i = 0; i < 50; ++i) served += ask(own, nmi->service_port(), kTokenPath, from).status == 200;
      return served;
    }));
  }
  for (int i = 0; i < 50; ++i) put_pod(pod("other-" + std::to_string(i % 5), "127.0.1." + std::to_string(i % 7)));
  int served = 0;
  for (std::future<int>& client : clients) served += client.get();
  EXPECT_EQ(served, 200);
  nmi->stop();
  EXPECT_EQ(recorded("TokenIssued", "AzureIdentityBinding"), 200);
}

// IMDS and the API server fail in every way while pods are replaced: whatever is answered with 200 is the caller's own.
TEST_F(NmiTest, NobodyGetsAnothersTokenWhileEverythingFails) {
  outside.run([this] {
    outside.imds.reply = [random = std::make_shared<test::SeededRandom>(7)](const std::string& target) {
      net::Response response = token_response(target, "of " + client_in(target), "600");
      switch (random->below(8)) {
        case 0:
          response.status = 500;
          break;
        case 1:
          response.status = 429;
          response.headers.add("Retry-After", "1");
          break;
        case 2:
          response.body.resize(response.body.size() / 2);
          break;
        case 3:
          response.body = "<html>";
          break;
        default:
          break;
      }
      return response;
    };
    outside.api->watch_budget = [random = std::make_shared<test::SeededRandom>(8)] {
      return 500 + random->below(4000);
    };
    outside.api->piece_bytes = 100;
  });
  options.token_max_age = std::chrono::milliseconds(50);
  options.token_timeout = std::chrono::seconds(1);
  options.max_new_tokens_per_pod = 0;
  std::vector<core::Pod> pods;
  for (int i = 5; i < 9; ++i) {
    pods.push_back(pod("web-" + std::to_string(i), "127.0.0." + std::to_string(i)));
    put_pod(pods.back());
    put_assigned(pods.back(), "reader-" + std::to_string(i));
  }
  start_ready();
  std::atomic<int> served = 0;
  std::vector<std::future<int>> clients;
  for (const core::Pod& client : pods) {
    clients.push_back(std::async(std::launch::async, [this, client, &served] {
      base::asio::io_context own(1);
      const std::string mine = "\"of client-reader-" + client.name.substr(4) + "\"";
      int strange = 0;
      for (int i = 0; i < 60; ++i) {
        const Got got = ask(own, nmi->service_port(), kTokenPath, client.pod_ips[0]);
        if (got.status == 200 && !got.body.contains(mine)) ++strange;
        if (got.status == 200) ++served;
        if (got.status == 0) ++strange;  // every request is answered
      }
      return strange;
    }));
  }
  for (int i = 0; i < 40; ++i) {
    core::Pod again = pods[static_cast<std::size_t>(i) % pods.size()];
    again.labels["round"] = std::to_string(i);
    put_pod(again);
    outside.run([this, i] {
      if (i % 7 == 0) outside.api->compact();
      if (i % 5 == 0) outside.api->end_watches(i % 2 == 0);
    });
  }
  for (std::future<int>& client : clients) EXPECT_EQ(client.get(), 0);
  EXPECT_GT(served, 0);
  outside.run([this] { outside.api->watch_budget = nullptr; });
}

}  // namespace
}  // namespace podid::nmi
