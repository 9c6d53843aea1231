// SPDX-License-Identifier: Apache-2.0
// An API server on loopback, and a client that speaks to it over real sockets while its clock stands still
// until the test moves it.
#pragma once
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/api_server.hpp"
#include "net/http_client.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::lab::apiserver {

namespace json = boost::json;

struct Response {
  int status = 0;
  net::Headers headers = {};
  std::string text = {};
  json::value body = {};  // null where it is no JSON

  // body.reason, body.message and body.details.causes of a Status.
  std::string reason() const;
  std::string message() const;
  std::string cause_fields() const;  // "spec.a spec.b"
};

// The value at a path as text: strings bare, others as JSON, "(absent)" where there is none.
std::string at(const json::value& value, std::initializer_list<std::string_view> path);

class WatchStream {
 public:
  explicit WatchStream(base::asio::io_context& io, net::ResponseStream stream) : io_(io), stream_(std::move(stream)) {}
  // The next event; null at the end of the stream.
  json::value next();
  // Type and name: "ADDED a", "BOOKMARK 7", "ERROR 410", "(end)".
  std::string next_text();
  int status() const { return stream_.status(); }

 private:
  base::asio::io_context& io_;
  net::ResponseStream stream_;
  std::string rest_;
};

class ServerTest : public testing::Test {
 protected:
  static constexpr std::string_view kPods = "/api/v1/namespaces/default/pods";
  static constexpr std::string_view kConfigMaps = "/api/v1/namespaces/default/configmaps";
  static constexpr std::string_view kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  static constexpr std::string_view kIdentities = "/apis/aadpodidentity.k8s.io/v1/namespaces/default/azureidentities";

  ~ServerTest() override;
  // Stops the one that runs, if any.
  void start(ApiServerOptions options = {});
  void SetUp() override { start(); }

  Response send(std::string method, std::string_view target, std::string body = {}, net::Headers headers = {});
  Response get(std::string_view target, std::string_view accept = {});
  Response post(std::string_view target, std::string_view body);
  Response put(std::string_view target, const json::value& body);
  Response patch(std::string_view target, std::string_view type, std::string_view body);
  Response merge(std::string_view target, std::string_view body) {
    return patch(target, "application/merge-patch+json", body);
  }
  Response remove(std::string_view target, std::string body = {}) { return send("DELETE", target, std::move(body)); }
  WatchStream watch(std::string_view target, std::string_view accept = {});

  // Names of the items of a list, parted by spaces.
  std::string names(std::string_view target);
  std::string revision() { return at(get(kConfigMaps).body, {"metadata", "resourceVersion"}); }
  Response create_config_map(std::string_view name, std::string_view labels = "{}");
  Response create_pod(std::string_view name, std::string_view node = {});
  // The CRDs of deploy/crds.
  void install_crds();

  base::asio::io_context io_{1};
  test::FakeClock clock_;
  test::SeededRandom random_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<net::HttpClient> client_;
  net::Headers default_headers_;
};

}  // namespace podid::lab::apiserver
