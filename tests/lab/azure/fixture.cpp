// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/fixture.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

json::value parse_body(const net::Response& response) {
  boost::system::error_code error;
  json::value value = json::parse(response.body, error);
  EXPECT_FALSE(error) << response.status << " " << response.body;
  return value;
}

std::string text_at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* at = &value;
  for (const std::string_view name : path) {
    const json::object* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(name);
    if (at == nullptr) return "(absent)";
  }
  return at->is_string() ? std::string(at->get_string()) : json::serialize(*at);
}

json::object claims_of(std::string_view token) {
  const auto parts = base::split(token, '.');
  if (parts.size() != 3) return {};
  return json::parse(base::base64url_decode(parts[1]).value_or("{}")).as_object();
}

SimulatorTest::SimulatorTest() = default;

SimulatorTest::~SimulatorTest() {
  client_.reset();
  if (simulator_) test::run_task(io_, simulator_->stop());
}

void SimulatorTest::SetUp() {
  // TLS looks at the machine's clock.
  const auto ca = LabCa::create("lab test", base::RealClock().wall_now());
  ASSERT_TRUE(ca.has_value());
  ca_pem_ = ca->certificate_pem();
  const auto server = ca->issue(azure_host_names(), base::RealClock().wall_now());
  ASSERT_TRUE(server.has_value()) << server.error().message;
  auto simulator =
      AzureSimulator::create(io_.get_executor(), default_world("", "127.0.0.1", "10.0.0.5"), clock_, random_);
  ASSERT_TRUE(simulator.has_value());
  simulator_ = std::move(*simulator);
  SimulatorOptions options{.listeners = {{.role = Role::imds, .node = "node-a"},
                                         {.role = Role::imds, .node = "node-b"},
                                         {.role = Role::imds},
                                         {.role = Role::azure},
                                         {.role = Role::entra},
                                         {.role = Role::arm},
                                         {.role = Role::vault},
                                         {.role = Role::control}},
                           .tls = {.certificate_chain_pem = server->certificate_pem, .key_pem = server->key_pem}};
  const auto bound = simulator_->listen(options);
  ASSERT_TRUE(bound.has_value()) << bound.error().message;
  net::HttpClientOptions client_options;
  client_options.tls.ca_pem = ca_pem_;
  auto client = net::HttpClient::create(io_.get_executor(), clock_, std::move(client_options));
  ASSERT_TRUE(client.has_value()) << client.error().message;
  client_ = std::move(*client);
}

base::Result<net::Response> SimulatorTest::try_send(Role role, net::Request request, std::string_view node) {
  const bool plain = role == Role::imds || role == Role::control;
  const auto url = net::parse_url(fmt::format("{}://{}", plain ? "http" : "https", simulator_->address_of(role, node)));
  if (!url) return std::unexpected(url.error());
  return test::run_task(io_, client_->send(*url, std::move(request), net::Deadline::never()));
}

net::Response SimulatorTest::send(Role role, net::Request request, std::string_view node) {
  auto response = try_send(role, std::move(request), node);
  EXPECT_TRUE(response.has_value()) << response.error().message;
  return response ? std::move(*response) : net::Response{};
}

net::Response SimulatorTest::imds(const std::string& target, std::string_view node) {
  return send(Role::imds, {.target = target, .headers = {{"Metadata", "true"}}, .body = {}}, node);
}

net::Response SimulatorTest::imds_token(const std::string& selector, std::string_view node, std::string_view resource) {
  return imds(fmt::format("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{}",
                          base::percent_encode(resource), selector),
              node);
}

net::Response SimulatorTest::entra_token(const std::string& fields, const std::string& path) {
  return send(Role::entra, {.method = "POST",
                            .target = path.empty() ? fmt::format("/{}/oauth2/v2.0/token", kLabTenantId) : path,
                            .headers = {{"Host", "login.microsoftonline.com"},
                                        {"Content-Type", "application/x-www-form-urlencoded;charset=utf-8"}},
                            .body = "grant_type=client_credentials" + fields});
}

std::string SimulatorTest::application_token(std::string_view client_id, std::string_view secret,
                                             std::string_view resource) {
  const auto response = entra_token(fmt::format("&client_id={}&client_secret={}&scope={}%2F.default", client_id,
                                                base::form_encode(secret), base::form_encode(resource)));
  return text_at(parse_body(response), {"access_token"});
}

net::Response SimulatorTest::arm(const std::string& method, const std::string& target, const std::string& body) {
  const std::string token = application_token(names().mic_client_id, names().mic_secret, kArmAudience);
  net::Request request{.method = method,
                       .target = target,
                       .headers = {{"Host", "management.azure.com"}, {"Authorization", "Bearer " + token}},
                       .body = body};
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  return send(Role::arm, std::move(request));
}

net::Response SimulatorTest::patch(const std::string& machine_id, const std::string& identity) {
  return arm("PATCH", machine_id + "?api-version=2021-11-01", fmt::format(R"({{"identity":{}}})", identity));
}

net::Response SimulatorTest::control(const std::string& method, const std::string& path, const std::string& body) {
  return send(Role::control, {.method = method, .target = path, .headers = {}, .body = body});
}

}  // namespace podid::lab::azure
