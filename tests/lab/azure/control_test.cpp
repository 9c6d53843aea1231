// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>

#include "lab/azure/control_service.hpp"
#include "lab/azure/fixture.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

using ControlTest = SimulatorTest;

TEST_F(ControlTest, AnswersThatItIsThere) { EXPECT_EQ(control("GET", "/_lab/health").body, R"({"status":"ok"})"); }

TEST_F(ControlTest, TheWorldIsShownWithoutSecretsAndChangedByAMergePatch) {
  const auto shown = control("GET", "/_lab/world");
  ASSERT_EQ(shown.status, 200);
  EXPECT_FALSE(shown.body.contains(names().mic_secret));
  EXPECT_FALSE(shown.body.contains("hello from the vault"));
  // Sent back as it was, it changes nothing: hidden values are left alone.
  EXPECT_EQ(control("POST", "/_lab/world", shown.body).body, shown.body);
  EXPECT_NE(application_token(names().mic_client_id, names().mic_secret, kArmAudience), "(absent)");

  json::object patch;
  patch["machines"].emplace_object()[names().node_a_machine] =
      json::object{{"user_assigned_identities", json::array{names().app_one}}};
  patch["deny_assignments"].emplace_object()["x"] =
      json::object{{"principal_id", "p"}, {"scope", "/"}, {"actions", json::array{"*"}}};
  const auto changed = control("POST", "/_lab/world", json::serialize(patch));
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(text_at(parse_body(imds_token()), {"client_id"}), identity(names().app_one).client_id);
  EXPECT_EQ(world().deny_assignments.size(), 1U);
  EXPECT_EQ(control("POST", "/_lab/world", R"({"deny_assignments":{"x":null}})").status, 200);
  EXPECT_TRUE(world().deny_assignments.empty());
}

TEST_F(ControlTest, AChangeByHandIsServedAtOnceEvenWhileAnUpdateRuns) {
  ASSERT_EQ(patch(names().node_a_machine, R"({"type":"None"})").status, 200);
  EXPECT_EQ(imds_token().status, 200);
  json::object change;
  change["machines"].emplace_object()[names().node_a_machine] =
      json::object{{"user_assigned_identities", json::array{names().app_two}}};
  ASSERT_EQ(control("POST", "/_lab/world", json::serialize(change)).status, 200);
  EXPECT_EQ(text_at(parse_body(imds_token()), {"client_id"}), identity(names().app_two).client_id);
}

TEST_F(ControlTest, WrongRequestsSayWhatIsWrong) {
  const auto error = [&](const net::Response& response, int status) {
    EXPECT_EQ(response.status, status);
    return text_at(parse_body(response), {"error"});
  };
  EXPECT_EQ(error(control("POST", "/_lab/world", R"({"machines":{"x":{}}})"), 400), "machines.x: not a resource ID");
  EXPECT_EQ(error(control("POST", "/_lab/world", R"({"settings":{"list_page_size":0}})"), 400),
            "settings.list_page_size: expected a number from 1 to 10000");
  EXPECT_EQ(error(control("POST", "/_lab/world", R"({"machine":{}})"), 400), "machine: there is no such member");
  EXPECT_TRUE(error(control("POST", "/_lab/world", "{"), 400).starts_with("the body is not JSON"));
  EXPECT_EQ(error(control("POST", "/_lab/faults", R"({"kind":"sad"})"), 400),
            "kind: expected pass, answer, reset, half, garbage or hang");
  EXPECT_EQ(error(control("POST", "/_lab/faults", R"({"count":0})"), 400), "count: expected -1 (always) or at least 1");
  error(control("GET", "/_lab/ghost"), 404);
  error(control("POST", "/_lab/ghost"), 404);
  error(control("GET", "/"), 404);
  error(control("PUT", "/_lab/world"), 405);
}

TEST_F(ControlTest, StatisticsCountRequestsTokensAndSecrets) {
  ASSERT_EQ(imds_token().status, 200);
  ASSERT_EQ(imds_token("&client_id=nobody").status, 400);
  const auto statistics = parse_body(control("GET", "/_lab/statistics"));
  EXPECT_EQ(text_at(statistics, {"requests", "imds.token", "200"}), "1");
  EXPECT_EQ(text_at(statistics, {"requests", "imds.token", "400"}), "1");
  EXPECT_EQ(text_at(statistics.at("issued").at(0), {"client_id"}), identity(names().node_identity).client_id);
  EXPECT_EQ(text_at(statistics.at("issued").at(0), {"count"}), "1");
  const auto history = parse_body(control("GET", "/_lab/history")).as_array();
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(text_at(history[1], {"peer"}), "127.0.0.1");
  EXPECT_EQ(control("POST", "/_lab/statistics/reset").status, 200);
  EXPECT_EQ(simulator_->statistics().requests("imds.token"), 0U);
}

TEST_F(ControlTest, KeysRotateAndOperationsFailOnRequest) {
  EXPECT_EQ(control("POST", "/_lab/keys/rotate").status, 200);
  EXPECT_EQ(control("POST", "/_lab/operations/fail", R"({"code":"OperationPreempted","message":"m"})").status, 200);
  ASSERT_EQ(patch(names().node_a_machine, R"({"type":"None"})").status, 200);
  clock_.advance(world().settings.operation_duration);
  EXPECT_EQ(world().machines.find(names().node_a_machine)->second.provisioning_state, "Failed");
  EXPECT_EQ(control("POST", "/_lab/operations/fail", R"({"countt":1})").status, 400);
}

TEST_F(ControlTest, FaultsReplaceAnswersForAsManyRequestsAsAsked) {
  ASSERT_EQ(control("POST", "/_lab/faults",
                    R"({"endpoint":"imds","count":2,"status":410,"headers":{"X-Test":"1"},"body":"gone"})")
                .body,
            R"({"number":1})");
  EXPECT_EQ(
      control("POST", "/_lab/faults", R"({"endpoint":"imds.token","target_contains":"STORAGE","count":-1})").status,
      200);
  auto response = imds_token();
  EXPECT_EQ(response.status, 410);
  EXPECT_EQ(response.body, "gone");
  EXPECT_EQ(response.headers.get_or_empty("X-Test"), "1");
  EXPECT_EQ(imds("/metadata/versions").status, 410);
  EXPECT_EQ(imds_token().status, 200);
  EXPECT_EQ(imds_token("", "node-a", "https://storage.azure.com").status, 500);
  EXPECT_EQ(imds_token("", "node-a", "https://storage.azure.com").status, 500);
  EXPECT_EQ(parse_body(control("GET", "/_lab/faults")).as_array().size(), 1U);
  EXPECT_EQ(control("POST", "/_lab/faults/clear").status, 200);
  EXPECT_EQ(imds_token("", "node-a", "https://storage.azure.com").status, 200);
  EXPECT_EQ(simulator_->statistics().requests("imds.token", 500), 2U);
}

TEST_F(ControlTest, ConnectionsBreakOnRequest) {
  const auto add = [&](FaultKind kind) {
    ASSERT_TRUE(simulator_->faults().add({.endpoint = "imds.token", .kind = kind}).has_value());
  };
  const net::Request request{
      .target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net",
      .headers = {{"Metadata", "true"}, {"Connection", "close"}},
      .body = {}};
  add(FaultKind::reset);
  EXPECT_FALSE(try_send(Role::imds, request, "node-a").has_value());
  add(FaultKind::half);
  EXPECT_FALSE(try_send(Role::imds, request, "node-a").has_value());
  add(FaultKind::garbage);
  const auto garbage = try_send(Role::imds, request, "node-a");
  ASSERT_TRUE(garbage.has_value());
  boost::system::error_code error;
  json::parse(garbage->body, error);
  EXPECT_TRUE(error);
  EXPECT_EQ(try_send(Role::imds, request, "node-a")->status, 200);
}

base::Task<> store(base::Task<base::Result<net::Response>> task, std::optional<base::Result<net::Response>>& out) {
  auto result = co_await std::move(task);
  out.emplace(std::move(result));
}

TEST_F(ControlTest, AnswersAreDelayedOnTheSimulatorsClock) {
  ASSERT_TRUE(simulator_->faults()
                  .add({.endpoint = "imds", .delay = std::chrono::seconds(5), .kind = FaultKind::pass})
                  .has_value());
  const auto url = net::parse_url("http://" + simulator_->address_of(Role::imds, "node-a"));
  ASSERT_TRUE(url.has_value());
  std::optional<base::Result<net::Response>> answer;
  net::Request request{.target = "/metadata/versions", .headers = {{"Metadata", "true"}}, .body = {}};
  base::asio::co_spawn(io_, store(client_->send(*url, std::move(request), net::Deadline::never()), answer),
                       base::asio::detached);
  ASSERT_TRUE(test::run_until(io_, [&] { return clock_.sleepers() == 1; }));
  EXPECT_FALSE(answer.has_value());
  clock_.advance(std::chrono::seconds(5));
  ASSERT_TRUE(test::run_until(io_, [&] { return answer.has_value(); }));
  EXPECT_EQ((*answer)->status, 200);
}

TEST_F(ControlTest, RequestsWithABadEscapeAreRefused) { EXPECT_EQ(imds("/metadata/%zz").status, 400); }

}  // namespace
}  // namespace podid::lab::azure
