// SPDX-License-Identifier: Apache-2.0
// Who is refused and what he is told, for pods and for processes of the node: the rows of nmi.md §3.3, §4 to §9 and §15
// that request_handler_test.cpp does not have in both styles.
#include <gtest/gtest.h>

#include "nmi/request/outcome_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::make_assigned;
using test::make_binding;
using test::make_identity;
using test::variant;

struct RefusalRow {
  const char* what;
  Cluster cluster;
  std::string parameters;
  seconds legacy_hold;
  std::string legacy;
  seconds hold;
  std::string summary;  // of the default style, between "Identity not found: " and the advice
  bool final;           // no waiting could have helped
};

class OutcomeTableTest : public test::OutcomeFixture {
 protected:
  // Every row for a pod and for the host, in both styles, with and without --set-retry-after-header.
  void expect_refusals(const std::vector<RefusalRow>& rows) {
    for (const RefusalRow& row : rows) {
      for (const bool legacy : kBoth) {
        for (const bool flag : kBoth) {
          serve(row.cluster, {.legacy = legacy, .retry_after_503 = flag});
          for (const bool host : kBoth) {
            SCOPED_TRACE(variant(row.what, legacy, host) + (flag ? ", Retry-After" : ""));
            const Got got = ask_for_token(host, "resource=r" + row.parameters, legacy ? row.legacy_hold : row.hold);
            expect_told(got, legacy, told(row, legacy, flag, host));
          }
        }
      }
    }
    EXPECT_TRUE(tokens.requests.empty()) << "nobody was given a token";
  }

 private:
  static test::Told told(const RefusalRow& row, bool legacy, bool flag, bool host) {
    test::Told told{404, row.legacy, 0};
    if (!legacy) {
      told.message = "Identity not found: " + row.summary + ". To see why, run: podid explain pod web-0 -n shop";
    }
    if (host) return told;
    if (!legacy && row.final) {
      told.status = 400;
    } else if (flag) {
      told.status = 503;
    }
    if (flag ? told.status == 503 : !legacy && !row.final) told.retry_after = 20;
    return told;
  }
};

// ---- the host handler's own checks, in their order (§4, §6) ----

struct HostRow {
  const char* what;
  const char* headers;
  const char* from;
  const char* query;
  int status;
  const char* message;
};

TEST_F(OutcomeTableTest, HostRequestsAreCheckedInOrder) {
  constexpr const char* kNamed = "podns: shop\r\npodname: web-0\r\n";
  const char* const missing = "missing 'podname' and 'podns' from request header";
  const char* const stranger = "request remote address is not from a host";
  const char* const no_resource = "parameter resource cannot be empty";
  const HostRow rows[] = {
      {"no headers", "", "127.0.0.1", "resource=r", 400, missing},
      {"no podname", "podns: shop\r\n", "127.0.0.1", "resource=r", 400, missing},
      {"no podns", "podname: web-0\r\n", "127.0.0.1", "resource=r", 400, missing},
      {"podns empty", "podns: \r\npodname: web-0\r\n", "127.0.0.1", "resource=r", 400, missing},
      {"podname empty", "podns: shop\r\npodname: \r\n", "127.0.0.1", "resource=r", 400, missing},
      {"headers before the peer", "Metadata: true\r\n", "127.0.0.5", "", 400, missing},
      {"a pod", kNamed, "127.0.0.5", "resource=r", 500, stranger},
      {"another loopback address", kNamed, "127.0.0.2", "resource=r", 500, stranger},
      {"no word of another host helps", "podns: shop\r\npodname: web-0\r\nX-Forwarded-For: 127.0.0.1\r\n", "127.0.0.5",
       "resource=r", 500, stranger},
      {"the peer before the resource", kNamed, "127.0.0.5", "", 500, stranger},
      {"no resource", kNamed, "127.0.0.1", "", 400, no_resource},
      {"an empty resource", kNamed, "127.0.0.1", "resource=&resource=r", 400, no_resource},
  };
  for (const bool legacy : kBoth) {
    serve({.pods = {usual_pod()}, .assigned = {assigned("reader")}}, {.legacy = legacy, .retry_after_503 = true});
    for (const HostRow& row : rows) {
      for (const std::string path : {"/host/token", "/host/token/"}) {
        SCOPED_TRACE(variant(row.what, legacy, true));
        expect_told(ask(path + "?" + row.query, row.headers, row.from), legacy, {row.status, row.message});
      }
    }
    for (const char* metadata : {"", "Metadata: false\r\n"}) {
      EXPECT_EQ(ask("/host/token?resource=r", std::string(kNamed) + metadata, "127.0.0.1").status, 200)
          << "the Metadata header is not looked at";
    }
  }
  EXPECT_TRUE(imds.requests.empty());
}

TEST_F(OutcomeTableTest, HostRequestsForPodsThatAreNotHere) {
  constexpr const char* kGhost = "podns: shop\r\npodname: ghost\r\n";
  const std::string gone = "Identity not found: pod shop/ghost is not on this node";
  struct Row {
    core::OperationMode mode;
    bool legacy;
    std::string message;
  };
  const Row rows[] = {
      {core::OperationMode::standard, false, gone},
      {core::OperationMode::standard, true, gone},  // NMI-12: the old NMI did not look for the pod
      {core::OperationMode::managed, false, gone},
      {core::OperationMode::managed, true, "failed to get pod shop/ghost, error: pod shop/ghost doesn't exist"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.message + (row.legacy ? ", legacy" : ", JSON"));
    serve({.pods = {usual_pod()}, .options = {.mode = row.mode}}, {.legacy = row.legacy, .retry_after_503 = true});
    expect_told(ask_held("/host/token?resource=r", kGhost, "127.0.0.1", kPodWait), row.legacy, {404, row.message});
  }
}

// ---- identity selection failed (§8, §9) ----

const std::string kAfter16 =
    "getting assigned identities for pod shop/web-0 in CREATED state failed after 16 attempts, retry duration [5]s, "
    "error: <nil>. Check MIC pod logs for identity assignment errors";
const std::string kAfter20 =
    "getting assigned identities for pod shop/web-0 in ASSIGNED state failed after 20 attempts, retry duration [5]s, "
    "error: <nil>. Check MIC pod logs for identity assignment errors";
const std::string kNoMatch = "no azure identity found for request clientID ";
const std::string kPodText = "pod web-0 in namespace shop";
const std::string kRedacted = "0123##### REDACTED #####cdef";
const std::string kAnother = "&client_id=0123456789abcdef";

TEST_F(OutcomeTableTest, RefusalsAreAsListedInStandardMode) {
  expect_refusals({
      {"no assignment",
       {.pods = {usual_pod()}},
       "",
       seconds(80),
       kAfter16,
       seconds(40),
       "no AzureAssignedIdentity exists yet for " + kPodText,
       false},
      {"no assignment, a client ID asked for",
       {.pods = {usual_pod()}},
       kAnother,
       seconds(80),
       "clientID in request: " + kRedacted + ", " + kAfter16,
       seconds(40),
       "no AzureAssignedIdentity with client_id " + kRedacted + " exists yet for " + kPodText,
       false},
      {"no assignment, a resource ID asked for",
       {.pods = {usual_pod()}},
       "&mi_res_id=/a/b",
       seconds(80),
       "clientID in request: , " + kAfter16,
       seconds(40),
       "no AzureAssignedIdentity with resource ID /a/b exists yet for " + kPodText,
       false},
      {"Created",
       {.pods = {usual_pod()}, .assigned = {assigned("reader", core::kCreated)}},
       "",
       seconds(100),
       kAfter20,
       seconds(40),
       "the AzureAssignedIdentity of " + kPodText + " is not yet Assigned",
       false},
      {"another one Created",
       {.pods = {usual_pod()}, .assigned = {assigned("reader", core::kCreated)}},
       kAnother,
       seconds(80),
       "clientID in request: " + kRedacted + ", " + kAfter16,
       seconds(40),
       "no AzureIdentity with client_id " + kRedacted + " is bound to " + kPodText + ", which has others",
       false},
      {"another one Assigned",
       {.pods = {usual_pod()}, .assigned = {assigned("reader")}},
       kAnother,
       seconds(80),
       "clientID in request: " + kRedacted + ", " + kAfter16,
       core::kQuietPeriod,
       "no AzureIdentity with client_id " + kRedacted + " is bound to " + kPodText + ", which has others",
       true},
      {"Unassigned",
       {.pods = {usual_pod()}, .assigned = {assigned("reader", core::kUnassigned)}},
       "",
       seconds(80),
       kAfter16,
       seconds(40),
       "no AzureAssignedIdentity exists yet for " + kPodText,
       false},
      {"no label",
       {.pods = {unlabelled()}, .assigned = {assigned("reader")}},
       "",
       seconds(80),
       kAfter16,
       seconds(0),
       kPodText + " has no label aadpodidbinding, so no AzureIdentityBinding can select it",
       true},
  });
}

// NMI-4: aad-pod-identity crashed where nothing is left after the namespace rule.
TEST_F(OutcomeTableTest, RefusalsOfTheNamespaceRuleAreAsListed) {
  const std::string nothing_left =
      "no azure identity found for pod shop/web-0: its identities lie in other namespaces, and namespaced mode or "
      "their annotation aadpodidentity.k8s.io/Behavior restricts them to pods of their own";
  const std::string elsewhere = "bound to " + kPodText + " lies in another namespace and may only be used there";
  const auto rows = [&](bool annotated) -> std::vector<RefusalRow> {
    const Cluster cluster{.pods = {usual_pod()}, .assigned = {foreign(annotated)}};
    const std::string redacted = "clie##### REDACTED #####ader";
    return {
        {"any identity", cluster, "", seconds(0), nothing_left, core::kQuietPeriod, "the AzureIdentity " + elsewhere,
         true},
        {"by client ID", cluster, "&client_id=client-reader", seconds(0), kNoMatch + redacted, core::kQuietPeriod,
         "the AzureIdentity with client_id " + redacted + " " + elsewhere, true},
    };
  };
  expect_refusals(rows(true));
  options.authorizer.namespaced = true;
  expect_refusals(rows(false));
}

TEST_F(OutcomeTableTest, RefusalsAreAsListedInManagedMode) {
  options.authorizer.namespaced = true;
  const core::AzureIdentity reader = make_identity("shop", "reader");
  const core::AzureIdentityBinding binding = make_binding("shop", "reader-binding", "reader");
  const auto other_selector = make_binding("shop", "b", "reader", "writer");
  const auto empty_selector = make_binding("shop", "b", "reader", "");
  core::AzureIdentity nameless = reader;
  nameless.client_id = {};
  nameless.resource_id = {};
  const std::string no_binding =
      "no AzureIdentityBinding has the selector reader of " + kPodText + " (label aadpodidbinding)";
  const std::string no_label = kPodText + " has no label aadpodidbinding, so no AzureIdentityBinding can select it";
  const std::string no_identity = "the AzureIdentityBindings that select " + kPodText + " name no usable AzureIdentity";
  const seconds now{0};
  expect_refusals({
      {"nothing", managed({}, {}), "", now, kNoMatch, now, no_binding, true},
      {"no binding", managed({}, {reader}), "", now, kNoMatch, now, no_binding, true},
      {"another selector", managed({other_selector}, {reader}), "", now, kNoMatch, now, no_binding, true},
      {"an empty selector", managed({empty_selector}, {reader}), "", now, kNoMatch, now, no_binding, true},
      {"no label", managed({binding}, {reader}, unlabelled()), "", now, kNoMatch, now, no_label, true},
      {"neither label nor selector (NMI-18)", managed({empty_selector}, {reader}, unlabelled()), "", now, kNoMatch, now,
       no_label, true},
      {"a binding of another namespace", managed({make_binding("other", "b", "reader")}, {reader}), "", now, kNoMatch,
       now, no_binding, true},
      {"no identity", managed({binding}, {}), "", now, kNoMatch, now, no_identity, true},
      {"an identity of another namespace", managed({binding}, {make_identity("other", "reader")}), "", now, kNoMatch,
       now, no_identity, true},
      {"an identity that nothing names", managed({binding}, {nameless}), "", now, kNoMatch, now, no_identity, true},
      {"another client ID", managed({binding}, {reader}), kAnother, now, kNoMatch + kRedacted, now,
       "no AzureIdentity with client_id " + kRedacted + " is bound to " + kPodText + ", which has others", true},
      {"another resource ID", managed({binding}, {reader}), "&msi_res_id=/a/b", now, kNoMatch, now,
       "no AzureIdentity with resource ID /a/b is bound to " + kPodText + ", which has others", true},
  });
}

// NMI-27: whoever can write an AzureAssignedIdentity gets nothing by one that the controller would not have written.
TEST_F(OutcomeTableTest, ForgedAssignmentsAreRefused) {
  struct Forgery {
    const char* what;
    void (*forge)(core::AzureAssignedIdentity&);
  };
  const Forgery forgeries[] = {
      {"no finalizer", [](auto& assigned) { assigned.meta.finalizers.clear(); }},
      {"another finalizer", [](auto& assigned) { assigned.meta.finalizers = {"mine"}; }},
      {"no node label", [](auto& assigned) { assigned.meta.labels.clear(); }},
      {"another node's label", [](auto& assigned) { assigned.meta.labels[std::string(core::kNodeNameLabel)] = "b"; }},
      {"another node",
       [](auto& assigned) {
         assigned.node_name = "node-b";
         assigned.meta.labels[std::string(core::kNodeNameLabel)] = "node-b";
       }},
      {"an identity of another name", [](auto& assigned) { assigned.identity = make_identity("shop", "admin"); }},
      {"another name", [](auto& assigned) { assigned.meta.name = "web-0"; }},
      {"a namespace of the author's", [](auto& assigned) { assigned.meta.ns = "evil"; }},
      {"an identity that nothing names",
       [](auto& assigned) {
         assigned.identity.client_id = {};
         assigned.identity.resource_id = {};
       }},
      {"for an earlier pod of the name",
       [](auto& assigned) { assigned.meta.annotations[std::string(core::kPodUidAnnotation)] = "uid-before"; }},
      {"a binding that selects others", [](auto& assigned) { assigned.binding.selector = "writer"; }},
      {"a binding that selects everybody", [](auto& assigned) { assigned.binding.selector = ""; }},
      {"another client ID", [](auto& assigned) { assigned.identity.client_id = core::ClientId("client-admin"); }},
      {"another resource ID",
       [](auto& assigned) {
         assigned.identity.resource_id = core::ResourceId(assigned.identity.resource_id.text() + "-admin");
       }},
      {"another Secret",
       [](auto& assigned) {
         assigned.identity.type = core::IdentityType::service_principal_secret;
         assigned.identity.client_password = {.name = "admin", .ns = "shop"};
       }},
  };
  std::vector<RefusalRow> rows;
  for (const Forgery& forgery : forgeries) {
    for (const std::string_view status : {core::kAssigned, std::string_view()}) {
      core::AzureAssignedIdentity forged = assigned("reader", status);
      forgery.forge(forged);
      rows.push_back({forgery.what,
                      {.pods = {usual_pod()}, .assigned = {forged}, .identities = {make_identity("shop", "reader")}},
                      "",
                      seconds(80),
                      kAfter16,
                      seconds(40),
                      "the AzureAssignedIdentity of " + kPodText + " is not as the controller writes it",
                      false});
    }
  }
  expect_refusals(rows);
}

// ---- paths that look for a way around (NMI-11) ----

struct PathRow {
  const char* target;
  int status;
  int strict_status = 0;  // with --strict-paths; 0: the same
};

TEST_F(OutcomeTableTest, NoSpellingOfTheTokenPathReachesTheRealEndpoint) {
  const PathRow rows[] = {
      {"/metadata\\identity/oauth2/token", 400},
      {"/metadata\\\\identity/oauth2/token", 400},
      {"/metadata/identity\\oauth2/token", 400},
      {"/METADATA/identity\\oauth2\\token", 400},
      {"/metadata%5Cidentity/oauth2/token", 400},
      {"/metadata/identity/OAUTH2/token", 400},
      {"/metadata/identity/oauth2/TOKEN", 400},
      {"/metadata/identity/x/oauth2/y/token", 400},
      {"/metadata/identity/oauth2%252Ftoken", 400},
      {"/metadata%252Fidentity/oauth2/token", 400},
      {"/%256detadata/identity/oauth2/token", 400},
      {"/%25256detadata/identity/oauth2/token", 400},
      {"/metadata/identity/oauth2/%0atoken", 400},
      {"/metadata/identity%0d%0a/oauth2/token", 400},
      {"/metadata/%00identity/oauth2/token", 400},
      {"/metadata/identity/oauth2/%7ftoken", 400},
      {"/x\\..\\metadata/identity/oauth2/token", 400},
      {"/x/..%252Fmetadata/identity/oauth2/token", 400},
      {"/metadata/./identity/oauth2/token", 301},
      {"/metadata//identity/oauth2/token", 301},
      {"/x/../metadata/identity/oauth2/token", 301},
      {"/metadata/%2e%2e/metadata/identity/oauth2/token", 301},
      {"http://169.254.169.254/metadata\\identity/oauth2/token", 400},
      {"/metadata/identity/oauth2/%zz", 400},
      // IMDSv2: certificates of the node's identities, in any spelling.
      {"/metadata/identity/getplatformmetadata?cred-api-version=2.0", 404},
      {"/metadata/identity/issuecredential?cred-api-version=2.0", 404},
      {"/METADATA/Identity/IssueCredential", 404},
      {"/metadata/identity/credential?cred-api-version=1.0", 404},
      {"/metadata%255Cidentity/issuecredential", 404},
  };
  // The real endpoint knows "identity" in lower case only: these are not its token path, and not on the list (SEC-6).
  const PathRow other_case[] = {{"/metadata/IDENTITY/oauth2/token", 403, 400},
                                {"/metadata/Identity%5Coauth2/token", 403, 400}};
  for (const bool legacy : kBoth) {
    for (const bool strict : kBoth) {
      options.routes.strict_paths = strict;
      serve({.pods = {usual_pod()}, .assigned = {assigned("reader")}}, {.legacy = legacy});
      for (const PathRow& row : rows) {
        SCOPED_TRACE(variant(row.target, legacy, false));
        const std::string resource = std::string_view(row.target).contains('?') ? "&resource=r" : "?resource=r";
        const Got got = ask(row.target + resource);
        EXPECT_EQ(got.status, row.status);
        if (row.status == 400) EXPECT_EQ(got.body, "Invalid request\n");
      }
      EXPECT_TRUE(imds.requests.empty()) << imds.requests.front();
      for (const PathRow& row : other_case) {
        EXPECT_EQ(ask(row.target).status, strict ? row.strict_status : row.status) << row.target;
      }
      EXPECT_TRUE(imds.requests.empty()) << imds.requests.front();
    }
  }
  EXPECT_TRUE(tokens.requests.empty());
}

TEST_F(OutcomeTableTest, NoSpellingOfTheInstancePathReachesTheRealEndpointWhenBlocked) {
  options.routes.block_instance = true;
  for (const bool strict : kBoth) {
    options.routes.strict_paths = strict;
    start();
    for (const char* target :
         {"/metadata/instance", "/Metadata/instance/compute", "/metadata/INSTANCE?api-version=2021-02-01",
          "/metadata\\instance", "/metadata/%69nstance", "/metadata/%2569nstance", "/metadata%5C%5Cinstance"}) {
      const Got got = ask(target);
      EXPECT_EQ(got.status, 403) << target;
      EXPECT_EQ(got.body, "Request blocked by AAD Pod Identity NMI\n") << target;
    }
  }
  EXPECT_TRUE(imds.requests.empty());
  publish_usual();
  EXPECT_EQ(ask("/metadata/versions").status, 200);
}

}  // namespace
}  // namespace podid::nmi
