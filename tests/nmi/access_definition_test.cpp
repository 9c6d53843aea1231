// SPDX-License-Identifier: Apache-2.0
// Whether the definition of bindings keeps spec.access, and how that is told.
#include "nmi/access_definition.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kube/kube_fixture.hpp"

namespace podid::nmi {
namespace {

namespace json = boost::json;

const std::string kDefinition =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/azureidentitybindings.aadpodidentity.k8s.io";

json::object definition(const std::string& spec) {
  return json::parse(R"({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"spec": )" +
                     spec + "}}}}]}}")
      .as_object();
}

class AccessDefinitionTest : public test::KubeFixture<base::RealClock> {
 protected:
  double missing() {
    await(check_definition(*client, metrics));
    return metrics.gauge(base::metric::kNmiCrdFieldMissing).find_or_add()->value();
  }
  base::MetricsRegistry metrics;
};

TEST_F(AccessDefinitionTest, OneThatDropsItIsAnErrorAndAMetric) {
  server.put(kDefinition, definition(R"({"properties": {"selector": {"type": "string"}}})"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(missing(), 1);
  EXPECT_TRUE(testing::internal::GetCapturedStderr().contains("has no spec.access"));
  server.put(kDefinition, definition(R"({"properties": {"access": {"type": "object"}}})"));
  EXPECT_EQ(missing(), 0);
}

}  // namespace
}  // namespace podid::nmi
