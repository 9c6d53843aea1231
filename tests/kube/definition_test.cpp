// SPDX-License-Identifier: Apache-2.0
#include "kube/definition.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/open_definition.hpp"

namespace podid::kube {
namespace {

bool keeps_access(const boost::json::value& definition) {
  return keeps_spec_member(definition, kAzureIdentityBindings, "access");
}
boost::json::value with(const std::string& spec) {
  return boost::json::parse(
      R"({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"spec": )" + spec +
      "}}}}]}}");
}

TEST(Definition, IsFoundUnderPluralAndGroup) {
  EXPECT_EQ(definition_of(kAzureIdentityBindings).name, "azureidentitybindings.aadpodidentity.k8s.io");
}

TEST(Definition, KeepsWhatTheSchemaHasOrWhereItTakesAny) {
  EXPECT_TRUE(keeps_access(test::open_definition(kAzureIdentityBindings)));
  EXPECT_TRUE(keeps_access(with(R"({"properties": {"access": {"type": "object"}}})")));
  EXPECT_TRUE(keeps_access(with(R"({"x-kubernetes-preserve-unknown-fields": true})")));
  EXPECT_FALSE(keeps_access(with(R"({"properties": {"selector": {"type": "string"}}})")));
  EXPECT_FALSE(keeps_access(boost::json::object{}));
}

}  // namespace
}  // namespace podid::kube
