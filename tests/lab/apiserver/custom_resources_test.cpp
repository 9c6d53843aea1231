// SPDX-License-Identifier: Apache-2.0
// CRDs and the resources that they define, over HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "base/file.hpp"
#include "lab/apiserver/server_fixture.hpp"
#include "lab/apiserver/wire/yaml.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::string_view kFoos = "/apis/g.io/v1/namespaces/default/foos";
constexpr std::string_view kFooCrd = R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
  "metadata":{"name":"foos.g.io"},
  "spec":{"group":"g.io","scope":"Namespaced","names":{"plural":"foos","kind":"Foo","shortNames":["fo"]},
    "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
      "selectableFields":[{"jsonPath":".spec.a"}],
      "schema":{"openAPIV3Schema":{"type":"object","properties":{
        "spec":{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"integer","default":3}}},
        "status":{"type":"object","properties":{"s":{"type":"string"}}}}}}}]}})";

class CustomResourcesTest : public ServerTest {
 protected:
  Response create_foo(std::string_view name, std::string_view spec) {
    return post(
        kFoos,
        fmt::format(
            R"({{"apiVersion":"g.io/v1","kind":"Foo","metadata":{{"name":"{}"}},"spec":{},"status":{{"s":"x"}}}})",
            name, spec));
  }
};

TEST_F(CustomResourcesTest, ADefinitionIsEstablishedAtOnce) {
  const Response made = post(kCrds, kFooCrd);
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"spec", "names", "singular"}), "foo");
  EXPECT_EQ(at(made.body, {"spec", "names", "listKind"}), "FooList");
  const Response now = get(fmt::format("{}/foos.g.io", kCrds));
  const std::string conditions = at(now.body, {"status", "conditions"});
  EXPECT_NE(conditions.find(R"("type":"Established")"), std::string::npos) << conditions;
  EXPECT_EQ(at(get(kFoos).body, {"kind"}), "FooList");
}

TEST_F(CustomResourcesTest, ADefinitionIsChecked) {
  const auto refused = [&](std::string_view from, std::string_view to) {
    std::string crd(kFooCrd);
    crd.replace(crd.find(from), from.size(), to);
    const Response response = post(kCrds, crd);
    EXPECT_EQ(response.status, 422) << response.text;
    return response.cause_fields();
  };
  EXPECT_EQ(refused(R"("name":"foos.g.io")", R"("name":"bars.g.io")"), "metadata.name");
  EXPECT_EQ(refused(R"("storage":true)", R"("storage":false)"), "spec.versions");
  EXPECT_EQ(refused(R"("scope":"Namespaced")", R"("scope":"Everywhere")"), "spec.scope");
  EXPECT_EQ(refused(R"("a":{"type":"string"})", R"("a":{})"),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].type");
  EXPECT_EQ(post(kCrds, R"({"metadata":{"name":"foos.x.k8s.io"},"spec":{"group":"x.k8s.io","scope":"Cluster",
                          "names":{"plural":"foos","kind":"Foo"},"versions":[{"name":"v1","served":true,"storage":true,
                          "schema":{"openAPIV3Schema":{"type":"object"}}}]}})")
                .cause_fields(),
            "metadata.annotations[api-approved.kubernetes.io]");
}

TEST_F(CustomResourcesTest, ObjectsArePrunedDefaultedAndValidated) {
  post(kCrds, kFooCrd);
  const Response made = create_foo("f", R"({"a":"x","junk":1})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"spec"}), R"({"a":"x","b":3})");
  EXPECT_EQ(made.headers.find("Warning"), R"(299 - "unknown field \"spec.junk\"")");
  EXPECT_EQ(create_foo("g", "{}").cause_fields(), "spec.a");
  EXPECT_EQ(create_foo("g", R"({"a":1})").cause_fields(), "spec.a");
  EXPECT_EQ(post(kFoos, R"({"metadata":{"name":"g"}})").status, 400) << "custom resources name their kind";
}

TEST_F(CustomResourcesTest, ADeclaredStatusHasItsOwnEndpoint) {
  post(kCrds, kFooCrd);
  EXPECT_EQ(at(create_foo("f", R"({"a":"x"})").body, {"status"}), "(absent)");
  const std::string target = fmt::format("{}/f", kFoos);
  const Response status =
      merge(target + "/status", R"({"status":{"s":"t"},"spec":{"a":"y"},"metadata":{"labels":{"l":"m"}}})");
  EXPECT_EQ(at(status.body, {"status", "s"}), "t");
  EXPECT_EQ(at(status.body, {"spec", "a"}), "x");
  EXPECT_EQ(at(status.body, {"metadata", "labels"}), "(absent)");
  EXPECT_EQ(at(status.body, {"metadata", "generation"}), "1");
  const Response main = merge(target, R"({"status":{"s":"u"},"spec":{"a":"y"}})");
  EXPECT_EQ(at(main.body, {"status", "s"}), "t");
  EXPECT_EQ(at(main.body, {"metadata", "generation"}), "2");
}

TEST_F(CustomResourcesTest, WithoutADeclarationStatusIsAMemberLikeOthers) {
  install_crds();
  constexpr std::string_view kAssigned = "/apis/aadpodidentity.k8s.io/v1/namespaces/default/azureassignedidentities";
  const Response made = post(kAssigned, R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureAssignedIdentity",
                                           "metadata":{"name":"i"},"spec":{"pod":"p"},"status":{"availableReplicas":1}})");
  EXPECT_EQ(at(made.body, {"status", "availableReplicas"}), "1");
  const std::string target = fmt::format("{}/i", kAssigned);
  const Response changed = merge(target, R"({"status":{"availableReplicas":2}})");
  EXPECT_EQ(at(changed.body, {"status", "availableReplicas"}), "2");
  EXPECT_EQ(at(changed.body, {"metadata", "generation"}), "2");
  EXPECT_EQ(get(target + "/status").status, 404);
  EXPECT_EQ(
      put(target,
          json::parse(
              R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureAssignedIdentity","metadata":{"name":"i"}})"))
          .cause_fields(),
      "metadata.resourceVersion");
}

TEST_F(CustomResourcesTest, AssignedIdentitiesCarryTheirReferences) {
  install_crds();
  const std::string target = "/apis/aadpodidentity.k8s.io/v1/namespaces/default/azureassignedidentities";
  const Response made = post(target, R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureAssignedIdentity",
    "metadata":{"name":"a","finalizers":["azureassignedidentity.finalizers.aadpodidentity.k8s.io"]},
    "spec":{"pod":"p","nodename":"n","azureIdentityRef":{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentity",
      "metadata":{"name":"i","uid":"u","labels":{"l":"m"}},"spec":{"type":0,"resourceID":"r"}}},
    "status":{"status":"Created","availableReplicas":1}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"spec", "azureIdentityRef", "metadata"}), R"({"name":"i","uid":"u","labels":{"l":"m"}})");
  EXPECT_EQ(at(made.body, {"spec", "azureIdentityRef", "spec"}), R"({"type":0,"resourceID":"r"})");
  const Response state = patch(target + "/a", "application/json-patch+json",
                               R"([{"op":"replace","path":"/status/status","value":"Assigned"}])");
  EXPECT_EQ(at(state.body, {"status", "status"}), "Assigned");
  json::value ending = remove(target + "/a").body;
  EXPECT_NE(at(ending, {"metadata", "deletionTimestamp"}), "(absent)");
  ending.as_object()["metadata"].as_object()["finalizers"] = json::array{};
  EXPECT_EQ(put(target + "/a", ending).status, 200);
  EXPECT_EQ(get(target + "/a").status, 404);
}

TEST_F(CustomResourcesTest, TheirFieldsCanBeSelectedByWhereDeclared) {
  post(kCrds, kFooCrd);
  create_foo("f", R"({"a":"x"})");
  create_foo("g", R"({"a":"y"})");
  EXPECT_EQ(names(fmt::format("{}?fieldSelector=spec.a=y", kFoos)), "g");
  EXPECT_EQ(get(fmt::format("{}?fieldSelector=spec.b=3", kFoos)).status, 400);
}

TEST_F(CustomResourcesTest, TheyHaveNoStrategicMergePatch) {
  post(kCrds, kFooCrd);
  create_foo("f", R"({"a":"x"})");
  EXPECT_EQ(patch(fmt::format("{}/f", kFoos), "application/strategic-merge-patch+json", "{}").status, 415);
}

TEST_F(CustomResourcesTest, GoWithTheirDefinition) {
  post(kCrds, kFooCrd);
  create_foo("f", R"({"a":"x"})");
  merge(fmt::format("{}/f", kFoos), R"({"metadata":{"finalizers":["x.y/z"]}})");
  remove(fmt::format("{}/foos.g.io", kCrds));
  EXPECT_EQ(create_foo("g", R"({"a":"x"})").status, 405);
  EXPECT_EQ(get(fmt::format("{}/foos.g.io", kCrds)).status, 200) << "an object is still held";
  merge(fmt::format("{}/f", kFoos), R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(get(fmt::format("{}/foos.g.io", kCrds)).status, 404);
  EXPECT_EQ(get(kFoos).text, "404 page not found\n");
}

// ---- deploy/crds ----

constexpr std::string_view kOurs = "/apis/aadpodidentity.k8s.io/v1/namespaces/default/";

// SEC-7: whoever may write objects must not decide how much memory their readers need.
TEST_F(CustomResourcesTest, WhatTenantsWriteHasLengths) {
  install_crds();
  struct Field {
    std::string_view plural;
    std::string_view kind;
    std::string_view field;
    std::size_t most;
  };
  for (const auto& [plural, kind, field, most] :
       {Field{"azureidentities", "AzureIdentity", "clientID", 64},
        Field{"azureidentities", "AzureIdentity", "resourceID", 1024},
        Field{"azureidentities", "AzureIdentity", "tenantID", 253},
        Field{"azureidentities", "AzureIdentity", "adEndpoint", 256},
        Field{"azureidentities", "AzureIdentity", "adResourceID", 1024},
        Field{"azureidentitybindings", "AzureIdentityBinding", "azureIdentity", 253},
        Field{"azureidentitybindings", "AzureIdentityBinding", "selector", 63}}) {
    const auto of_size = [&](std::string_view name, std::size_t size) {
      return post(fmt::format("{}{}", kOurs, plural),
                  fmt::format(R"({{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"{}","metadata":{{"name":"{}"}},
                              "spec":{{"{}":"{}"}}}})",
                              kind, name, field, std::string(size, 'x')));
    };
    std::string name = fmt::format("{}-fits", field);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(of_size(name, most).status, 201) << field;
    const Response refused = of_size("too-long", most + 1);
    EXPECT_EQ(refused.status, 422) << field;
    EXPECT_EQ(refused.cause_fields(), fmt::format("spec.{}", field));
  }
}

TEST_F(CustomResourcesTest, OfABindingsAccessTheServerAddsWhatIsLeftOut) {
  install_crds();
  const Response made = post(fmt::format("{}azureidentitybindings", kOurs), R"({"apiVersion":"aadpodidentity.k8s.io/v1",
    "kind":"AzureIdentityBinding","metadata":{"name":"b"},"spec":{"azureIdentity":"i","selector":"s","access":{
      "windows":[{"days":["Mon","Tue"],"holidays":{"configMap":"c"}}],"grant":{"maxDuration":"4h"}}},
    "status":{"access":{"open":true}}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(
      at(made.body, {"spec", "access", "windows"}),
      R"([{"days":["Mon","Tue"],"holidays":{"configMap":"c","key":"dates"},"timeZone":"UTC","start":"00:00","end":"24:00"}])");
  EXPECT_EQ(at(made.body, {"spec", "access", "grant", "approvals"}), "1");
  EXPECT_EQ(at(made.body, {"spec", "access", "tokenBeyondWindow"}), "Allow");
  EXPECT_EQ(at(made.body, {"status"}), "(absent)") << "it is written at its own endpoint";
  const std::string target = fmt::format("{}azureidentitybindings/b", kOurs);
  EXPECT_EQ(at(merge(target + "/status", R"({"status":{"access":{"open":true}}})").body, {"metadata", "generation"}),
            "1");
  for (const auto& [access, field] : {std::pair{R"({"windows":[]})", "spec.access.windows"},
                                      {R"({"windows":[{"days":["Monday"]}]})", "spec.access.windows[0].days[0]"},
                                      {R"({"windows":[{"days":["Mon","Mon"]}]})", "spec.access.windows[0].days[1]"},
                                      {R"({"grant":{"maxDuration":null}})", "spec.access.grant.maxDuration"},
                                      {R"({"grant":{"approvals":6}})", "spec.access.grant.approvals"},
                                      {R"({"tokenBeyondWindow":"Maybe"})", "spec.access.tokenBeyondWindow"}}) {
    EXPECT_EQ(merge(target, fmt::format(R"({{"spec":{{"access":{}}}}})", access)).cause_fields(), field) << access;
  }
}

TEST_F(CustomResourcesTest, GrantsAndApprovalsAreTaken) {
  install_crds();
  const std::string grants = fmt::format("{}azureidentitygrants", kOurs);
  const Response grant = post(grants, R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityGrant",
    "metadata":{"name":"g"},"spec":{"binding":"b","duration":"1h","reason":"r","requestedBy":"alice",
      "podSelector":{"matchLabels":{"job":"replay"}}},"status":{"phase":"Active"}})");
  ASSERT_EQ(grant.status, 201) << grant.text;
  EXPECT_EQ(at(grant.body, {"status"}), "(absent)");
  EXPECT_EQ(names(fmt::format("{}?fieldSelector=spec.binding=b", grants)), "g");
  EXPECT_EQ(merge(grants + "/g", R"({"spec":{"reason":null}})").cause_fields(), "spec.reason");
  EXPECT_EQ(merge(grants + "/g/status", R"({"status":{"phase":"Done"}})").cause_fields(), "status.phase");
  const Response approval =
      post(fmt::format("{}azureidentitygrantapprovals", kOurs),
           fmt::format(R"({{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityGrantApproval",
    "metadata":{{"name":"a"}},"spec":{{"grant":"g","grantUID":"{}","binding":"b","requestedBy":"alice","approvedBy":"bob"}}}})",
                       at(grant.body, {"metadata", "uid"})));
  EXPECT_EQ(approval.status, 201) << approval.text;
}

// Who waits until a policy surely acts (core/access) waits for nothing here, where none does.
TEST_F(CustomResourcesTest, AdmissionPoliciesAreAnHourOldWhenMade) {
  const Response made = post("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
                             R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy",
                                "metadata":{"name":"p"},"spec":{"validations":[{"expression":"false"}]}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(at(made.body, {"metadata", "creationTimestamp"}), "2027-01-15T07:00:00Z");
}

// Those that people have, for all that.
TEST_F(CustomResourcesTest, ManifestsOfAadPodIdentityAreTaken) {
  const std::filesystem::path manifests = PODID_SOURCE_DIR "/../shared/data/aad-pod-identity";
  if (!std::filesystem::exists(manifests)) GTEST_SKIP() << "they are not part of the repository";
  install_crds();
  std::size_t taken = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(manifests)) {
    if (file.path().extension() != ".yaml") continue;
    const auto text = base::read_file(file.path().string());
    ASSERT_TRUE(text) << text.error().message;
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t end = rest.find("\n---");
      const std::string_view document = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 4);
      if (!document.contains("aadpodidentity.k8s.io/v1") || document.contains("CustomResourceDefinition")) continue;
      std::string problem;
      const auto object = parse_yaml(document, problem);
      if (!object) continue;  // a ClusterRole that names the group, say
      const std::string kind = at(*object, {"kind"});
      const std::map<std::string, std::string> plurals = {{"AzureIdentity", "azureidentities"},
                                                          {"AzureIdentityBinding", "azureidentitybindings"},
                                                          {"AzurePodIdentityException", "azurepodidentityexceptions"}};
      const auto plural = plurals.find(kind);
      if (plural == plurals.end()) continue;
      const std::string ns = at(*object, {"metadata", "namespace"});
      const std::string path = fmt::format("/apis/aadpodidentity.k8s.io/v1/namespaces/{}/{}",
                                           ns == "(absent)" ? "default" : ns, plural->second);
      const Response made = post(path, json::serialize(*object));
      EXPECT_EQ(made.status, 201) << file.path() << ": " << made.text;
      remove(fmt::format("{}/{}", path, at(*object, {"metadata", "name"})));
      ++taken;
    }
  }
  EXPECT_GE(taken, 5u);
}

}  // namespace
}  // namespace podid::lab::apiserver
