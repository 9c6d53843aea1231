// SPDX-License-Identifier: Apache-2.0
#include "core/model/resources_json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/model/naming.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ResourcesJson, ReadsAnIdentity) {
  const auto identity = read_azure_identity(json::parse(R"({
    "apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentity",
    "metadata": {"name": "kv", "namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"},
                 "annotations": {"aadpodidentity.k8s.io/Behavior": "namespaced", "aadpodidentity.k8s.io/object-id": "o-1"},
                 "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": null},
    "spec": {"type": 2, "resourceID": "r", "clientID": "c", "clientPassword": {"name": "n", "namespace": "s"},
             "tenantID": "t", "auxiliaryTenantIDs": ["x", "y"], "adResourceID": "ar", "adEndpoint": "https://e/",
             "replicas": 3, "metadata": {"creationTimestamp": null}, "later": {"unknown": 1}},
    "status": {"availableReplicas": 2, "metadata": {}}})"));
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->meta.key(), (ObjectKey{"shop", "kv"}));
  EXPECT_EQ(identity->meta.resource_version, "7");
  EXPECT_FALSE(identity->meta.deleting());
  EXPECT_TRUE(identity->namespaced());
  EXPECT_EQ(identity->object_id().text(), "o-1");
  EXPECT_EQ(identity->type, IdentityType::service_principal_certificate);
  EXPECT_EQ(identity->client_password, (SecretReference{"n", "s"}));
  EXPECT_THAT(identity->auxiliary_tenant_ids, ElementsAre("x", "y"));
  EXPECT_EQ(identity->replicas, 3);
  EXPECT_EQ(identity->available_replicas, 2);
}

TEST(ResourcesJson, AbsentAndNullAreZero) {
  for (const char* text :
       {"{}", R"({"metadata": null, "spec": null, "status": null})",
        R"({"spec": {"type": null, "clientPassword": null, "auxiliaryTenantIDs": null, "replicas": null}})"}) {
    const auto identity = read_azure_identity(json::parse(text));
    ASSERT_TRUE(identity) << text;
    EXPECT_EQ(*identity, AzureIdentity{}) << text;
  }
  EXPECT_EQ(*read_azure_assigned_identity(json::parse("{}")), AzureAssignedIdentity{});
}

TEST(ResourcesJson, WrongTypesNameThePath) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "expected an object, found a list"},
      {"null", "expected an object, found null"},
      {R"({"metadata": []})", "metadata: expected an object, found a list"},
      {R"({"metadata": {"name": 1}})", "metadata.name: expected a string, found a number"},
      {R"({"metadata": {"labels": {"a": {}}}})", "metadata.labels.a: expected a string, found an object"},
      {R"({"metadata": {"finalizers": ["x", 2]}})", "metadata.finalizers[1]: expected a string, found a number"},
      {R"({"metadata": {"ownerReferences": [{}, "x"]}})",
       "metadata.ownerReferences[1]: expected an object, found a string"},
      {R"({"metadata": {"ownerReferences": [{"kind": true}]}})",
       "metadata.ownerReferences[0].kind: expected a string, found a boolean"},
      {R"({"spec": {"type": "0"}})", "spec.type: expected a whole number, found a string"},
      {R"({"spec": {"type": 1.5}})", "spec.type: expected a whole number, found a number"},
      {R"({"spec": {"type": 18446744073709551615}})", "spec.type: expected a whole number, found a number"},
      {R"({"spec": {"replicas": 3000000000}})",
       "spec.replicas: expected a whole number from -2147483648 to 2147483647, found 3000000000"},
      {R"({"spec": {"clientPassword": {"name": []}}})", "spec.clientPassword.name: expected a string, found a list"},
      {R"({"spec": {"auxiliaryTenantIDs": {}}})", "spec.auxiliaryTenantIDs: expected a list, found an object"},
  };
  for (const auto& [text, message] : cases) {
    const auto identity = read_azure_identity(json::parse(text));
    ASSERT_FALSE(identity) << text;
    EXPECT_EQ(identity.error().message(), message);
  }
  const auto assigned =
      read_azure_assigned_identity(json::parse(R"({"spec": {"azureIdentityRef": {"spec": {"clientID": 5}}}})"));
  ASSERT_FALSE(assigned);
  EXPECT_EQ(assigned.error().message(), "spec.azureIdentityRef.spec.clientID: expected a string, found a number");
}

TEST(ResourcesJson, EmbeddedKindsOfOldReleasesAreTolerated) {
  for (const char* kind : {"v1.AzureIdentity", "AzureIdentityList", "AzureIdentity", ""}) {
    json::object text{{"spec", {{"azureIdentityRef", {{"kind", kind}, {"metadata", {{"name", "kv"}}}}}}}};
    const auto assigned = read_azure_assigned_identity(text);
    ASSERT_TRUE(assigned) << kind;
    EXPECT_EQ(assigned->identity.meta.name, "kv");
  }
}

TEST(ResourcesJson, FieldNamesAreCaseSensitive) {
  const auto identity = read_azure_identity(json::parse(R"({"spec": {"ClientID": "c", "resourceid": "r"}})"));
  EXPECT_TRUE(identity->client_id.empty());
  EXPECT_TRUE(identity->resource_id.empty());
}

TEST(ResourcesJson, WritingLeavesOutZeroValues) {
  AzureIdentity identity;
  identity.meta.name = "kv";
  EXPECT_EQ(
      json::value(write_azure_identity(identity)),
      json::parse(R"({"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentity", "metadata": {"name": "kv"},
                           "spec": {"clientPassword": {}}})"));
  AzureIdentityBinding binding;
  EXPECT_EQ(
      json::value(write_azure_identity_binding(binding)),
      json::parse(
          R"({"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityBinding", "metadata": {}, "spec": {}})"));
}

TEST(ResourcesJson, WritesAnAssignmentAsCreated) {
  AzureIdentity identity = test::make_identity("shop", "kv-reader");
  identity.meta.labels = {{"not", "copied"}};
  identity.meta.annotations = {{"kubectl.kubernetes.io/last-applied-configuration", "{}"},
                               {"aadpodidentity.k8s.io/Behavior", "namespaced"}};
  const auto assigned = test::make_assigned(test::make_pod("shop", "web-0"), identity,
                                            test::make_binding("shop", "b", "kv-reader"), kCreated);
  EXPECT_EQ(json::value(write_azure_assigned_identity(assigned)), json::parse(R"({
    "apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureAssignedIdentity",
    "metadata": {"name": "web-0-shop-kv-reader", "namespace": "shop", "labels": {"nodename": "node-a"},
                 "annotations": {"aadpodidentity.k8s.io/pod-uid": "uid-shop-web-0"},
                 "finalizers": ["azureassignedidentity.finalizers.aadpodidentity.k8s.io"]},
    "spec": {
      "azureIdentityRef": {"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentity",
        "metadata": {"name": "kv-reader", "namespace": "shop", "uid": "uid-kv-reader", "resourceVersion": "1",
                     "annotations": {"aadpodidentity.k8s.io/Behavior": "namespaced"}},
        "spec": {"clientID": "client-kv-reader", "clientPassword": {}, "resourceID":
          "/subscriptions/s1/resourcegroups/g1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kv-reader"}},
      "azureBindingRef": {"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityBinding",
        "metadata": {"name": "b", "namespace": "shop", "resourceVersion": "1"},
        "spec": {"azureIdentity": "kv-reader", "selector": "reader"}},
      "pod": "web-0", "podNamespace": "shop", "nodename": "node-a"},
    "status": {"status": "Created", "availableReplicas": 1}})"));
}

TEST(ResourcesJson, WhatIsWrittenReadsBack) {
  AzureIdentity identity = test::make_identity("shop", "kv");
  identity.type = IdentityType::service_principal_secret;
  identity.client_password = {"secret", "shop"};
  identity.auxiliary_tenant_ids = {"t1"};
  identity.replicas = 0;
  identity.meta.owner_references = {{"v1", "Pod", "p", "u", true}};
  EXPECT_EQ(read_azure_identity(write_azure_identity(identity)), identity);
  AzureIdentityBinding binding = test::make_binding("shop", "b", "kv");
  binding.weight = 5;
  EXPECT_EQ(read_azure_identity_binding(write_azure_identity_binding(binding)), binding);
  identity.meta.owner_references.clear();
  const auto assigned = test::make_assigned(test::make_pod("shop", "web"), identity, binding);
  EXPECT_EQ(read_azure_assigned_identity(write_azure_assigned_identity(assigned)), assigned);
  AzurePodIdentityException exception;
  exception.pod_labels = {{"app", "mic"}};
  EXPECT_EQ(read_azure_pod_identity_exception(write_azure_pod_identity_exception(exception)), exception);
}

// SEC-7: what a tenant may write is bounded, as in deploy/crds.
TEST(ResourcesJson, LengthsAreLimited) {
  struct Limit {
    const char* field;
    std::size_t most;
  };
  const Limit identity_limits[] = {
      {"resourceID", 1024}, {"clientID", 64}, {"tenantID", 253}, {"adEndpoint", 256}, {"adResourceID", 1024}};
  for (const auto& [field, most] : identity_limits) {
    const auto of_size = [field](std::size_t size) {
      return json::object{{"spec", {{field, std::string(size, 'x')}}}};
    };
    EXPECT_TRUE(read_azure_identity(of_size(most))) << field;
    const auto refused = read_azure_identity(of_size(most + 1));
    ASSERT_FALSE(refused) << field;
    EXPECT_EQ(refused.error().message(),
              fmt::format("spec.{}: expected at most {} bytes, found {}", field, most, most + 1));
  }
  const std::string name(254, 'x');
  for (const json::object& spec :
       {json::object{{"clientPassword", {{"name", name}}}}, json::object{{"clientPassword", {{"namespace", name}}}},
        json::object{{"auxiliaryTenantIDs", json::array{name}}},
        json::object{{"auxiliaryTenantIDs", json::array(65, "t")}},
        json::object{{"later", std::string(16 * 1024, 'x')}}}) {
    EXPECT_FALSE(read_azure_identity(json::object{{"spec", spec}})) << spec;
  }
  for (const json::object& spec :
       {json::object{{"azureIdentity", name}}, json::object{{"selector", std::string(64, 'x')}}}) {
    EXPECT_FALSE(read_azure_identity_binding(json::object{{"spec", spec}})) << spec;
  }
  EXPECT_TRUE(read_azure_identity_binding(json::object{{"spec", {{"selector", std::string(63, 'x')}}}}));
  json::object many;
  for (int i = 0; i < 65; ++i) many[std::to_string(i)] = "x";
  for (const json::object& labels : {json::object{{"app", std::string(318, 'x')}}, many}) {
    EXPECT_FALSE(read_azure_pod_identity_exception(json::object{{"spec", {{"podLabels", labels}}}}));
  }
  // The controller wrote it, and must be able to remove it.
  EXPECT_TRUE(read_azure_assigned_identity(
      json::object{{"spec", {{"azureIdentityRef", {{"spec", {{"clientID", std::string(1000, 'x')}}}}}}}}));
}

TEST(ResourcesJson, OfWhatATenantWritesOnlyWhatIsReadIsKept) {
  AzureIdentity identity = test::make_identity("shop", "kv");
  identity.meta.labels = {{"big", std::string(1000, 'x')}};
  identity.meta.annotations = {{"big", std::string(1000, 'x')},
                               {std::string(kObjectIdAnnotation), std::string(1000, 'x')},
                               {std::string(kBehaviorAnnotation), "namespaced"}};
  const AzureIdentity known = trimmed(identity);
  EXPECT_TRUE(known.meta.labels.empty());
  EXPECT_EQ(known.meta.annotations, (StringMap{{std::string(kBehaviorAnnotation), "namespaced"}}));
  EXPECT_EQ(known.meta.uid, identity.meta.uid);
  AzurePodIdentityException exception;
  exception.meta.annotations = {{"big", std::string(1000, 'x')}};
  exception.pod_labels = {{"app", "mic"}};
  EXPECT_TRUE(trimmed(exception).meta.annotations.empty());
  EXPECT_EQ(trimmed(exception).pod_labels, exception.pod_labels);
}

TEST(ResourcesJson, UnknownMembersOfSpecAndStatusSurvive) {
  const json::value identity = json::parse(R"({"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentity",
    "metadata": {"name": "kv"}, "spec": {"clientPassword": {}, "later": {"a": [1]}}, "status": {"later": 2}})");
  EXPECT_EQ(json::value(write_azure_identity(*read_azure_identity(identity))), identity);
  const json::value binding = json::parse(R"({"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityBinding",
    "metadata": {"name": "b"}, "spec": {"selector": "x", "later": true}, "status": {"later": 2}})");
  EXPECT_EQ(json::value(write_azure_identity_binding(*read_azure_identity_binding(binding))), binding);
  const json::value exception = json::parse(R"({"apiVersion": "aadpodidentity.k8s.io/v1",
    "kind": "AzurePodIdentityException", "metadata": {}, "spec": {"later": 1}, "status": {"status": "x"}})");
  EXPECT_EQ(json::value(write_azure_pod_identity_exception(*read_azure_pod_identity_exception(exception))), exception);
  json::value assigned = write_azure_assigned_identity(test::make_assigned(
      test::make_pod("shop", "web"), test::make_identity("shop", "kv"), test::make_binding("shop", "b", "kv")));
  assigned.at("spec").as_object()["later"] = 1;
  assigned.at("spec").at("azureBindingRef").at("spec").as_object()["newer"] = json::object{{"a", "x"}};
  assigned.at("status").as_object()["later"] = 2;
  EXPECT_EQ(json::value(write_azure_assigned_identity(*read_azure_assigned_identity(assigned))), assigned);
}

}  // namespace
}  // namespace podid::core
