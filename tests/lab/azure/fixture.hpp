// SPDX-License-Identifier: Apache-2.0
// A simulator with the lab's default world, on loopback, and a client that speaks to it over real sockets while the
// simulator's clock stands still until the test moves it.
#pragma once
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "lab/azure/simulator.hpp"
#include "lab/azure/tokens/lab_ca.hpp"
#include "lab/azure/world/lab_state.hpp"
#include "net/http_client.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"

namespace podid::lab::azure {

// Parses, or fails the test with what there was instead.
boost::json::value parse_body(const net::Response& response);
// A member along a path of object keys, as text; numbers in decimal, anything absent as "(absent)".
std::string text_at(const boost::json::value& value, std::initializer_list<std::string_view> path);
// The claims of a JWT, unverified.
boost::json::object claims_of(std::string_view token);

class SimulatorTest : public testing::Test {
 protected:
  static constexpr std::string_view kArmAudience = "https://management.azure.com/";
  static constexpr std::string_view kVaultAudience = "https://vault.azure.net";

  SimulatorTest();
  ~SimulatorTest() override;

  // Starts with the default world; both nodes have IMDS listeners of their own.
  void SetUp() override;

  base::Result<net::Response> try_send(Role role, net::Request request, std::string_view node = {});
  net::Response send(Role role, net::Request request, std::string_view node = {});
  // GET with `Metadata: true` from a node.
  net::Response imds(const std::string& target, std::string_view node = "node-a");
  // A token request with the usual api-version and resource; `selector` like "&client_id=...".
  net::Response imds_token(const std::string& selector = "", std::string_view node = "node-a",
                           std::string_view resource = "https://vault.azure.net");
  // client_credentials with `fields` added ("&client_secret=x"), on the tenant's v2 endpoint.
  net::Response entra_token(const std::string& fields, const std::string& path = {});
  // A token of an application by its secret.
  std::string application_token(std::string_view client_id, std::string_view secret, std::string_view resource);
  // A request to ARM as the application "mic".
  net::Response arm(const std::string& method, const std::string& target, const std::string& body = {});
  net::Response patch(const std::string& machine_id, const std::string& identity);
  net::Response control(const std::string& method, const std::string& path, const std::string& body = {});
  World& world() { return simulator_->world(); }
  const LabNames& names() const { return lab_names(); }
  UserAssignedIdentity& identity(const std::string& id) { return world().user_assigned_identities.find(id)->second; }

  base::asio::io_context io_{1};
  test::FakeClock clock_;
  base::SystemRandom random_;
  std::string ca_pem_;
  std::unique_ptr<AzureSimulator> simulator_;
  std::unique_ptr<net::HttpClient> client_;
};

}  // namespace podid::lab::azure
