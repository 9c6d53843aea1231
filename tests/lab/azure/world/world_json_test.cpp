// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/world_json.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "lab/azure/world/lab_state.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

TEST(WorldJson, TheDefaultWorldSurvivesARoundTrip) {
  const World world = default_world("-----BEGIN CERTIFICATE-----", "10.0.0.4", "10.0.0.5");
  const json::object written = write_world(world, SecretValues::shown);
  const auto read = read_world(json::parse(json::serialize(written)));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(write_world(*read, SecretValues::shown), written);
  EXPECT_EQ(read->nodes.at("node-b").instance_id, "0");
  EXPECT_TRUE(read->applications.at(lab_names().mic_client_id).secrets.at("main").value ==
              base::Secret(lab_names().mic_secret));
}

TEST(WorldJson, BrokenReferencesAreNamed) {
  const auto problem = [](const char* text) { return read_world(json::parse(text)).error().message; };
  EXPECT_EQ(problem(R"({"nodes":{"n":{"machine_id":"/x"}}})"), "nodes.n.machine_id: no such machine");
  EXPECT_EQ(problem(R"({"vaults":{"v":{"tenant_id":"t"}}})"), "vaults.v.tenant_id: no such tenant");
  EXPECT_EQ(problem("[]"), "the document: expected an object");
  EXPECT_EQ(problem(R"({"tenants":{"t":{"domain":1}}})"), "tenants.t.domain: expected a text");
}

}  // namespace
}  // namespace podid::lab::azure
