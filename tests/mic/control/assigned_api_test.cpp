// SPDX-License-Identifier: Apache-2.0
#include "mic/control/assigned_api.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/model/naming.hpp"

namespace podid::mic {
namespace {

namespace json = boost::json;

core::AzureAssignedIdentity stored() {
  core::AzureAssignedIdentity object;
  object.meta.name = "x";
  object.meta.ns = "default";
  object.meta.uid = "u1";
  object.meta.resource_version = "7";
  object.meta.finalizers = {std::string(core::kAssignedIdentityFinalizer)};
  object.status = "Created";
  return object;
}

TEST(AssignedApi, AStatusIsAMergePatchGuardedByTheUid) {  // API-9
  core::AzureAssignedIdentity wanted = stored();
  wanted.status = "Assigned";
  EXPECT_EQ(json::value(status_patch(stored(), wanted)),
            json::parse(R"({"metadata":{"uid":"u1"},"status":{"status":"Assigned"}})"));
}

TEST(AssignedApi, OnlyOurAnnotationsThatDifferArePatched) {
  core::AzureAssignedIdentity before = stored();
  before.meta.annotations = {{"other", "a"}, {"aadpodidentity.k8s.io/pending-detach", "[]"}};
  core::AzureAssignedIdentity wanted = stored();
  wanted.meta.annotations = {{"aadpodidentity.k8s.io/pod-uid", "p"}};
  EXPECT_EQ(json::value(status_patch(before, wanted)),
            json::parse(R"({"metadata":{"uid":"u1","annotations":{"aadpodidentity.k8s.io/pod-uid":"p",)"
                        R"("aadpodidentity.k8s.io/pending-detach":null}}})"));
}

TEST(AssignedApi, OneWriteTakesTheFinalizerAndSaysUnassigned) {  // MIC-6
  EXPECT_EQ(json::value(finalizer_patch(stored(), "Unassigned")),
            json::parse(R"({"metadata":{"uid":"u1","finalizers":null},"status":{"status":"Unassigned"}})"));
  EXPECT_EQ(json::value(finalizer_patch(stored(), "")), json::parse(R"({"metadata":{"uid":"u1","finalizers":null}})"));
}

TEST(AssignedApi, FinalizersOfOthersStayAndTheVersionGuardsTheList) {
  core::AzureAssignedIdentity object = stored();
  object.meta.finalizers.insert(object.meta.finalizers.begin(), "example/keep");
  EXPECT_EQ(json::value(finalizer_patch(object, "Unassigned")),
            json::parse(R"({"metadata":{"uid":"u1","resourceVersion":"7","finalizers":["example/keep"]},)"
                        R"("status":{"status":"Unassigned"}})"));
}

}  // namespace
}  // namespace podid::mic
