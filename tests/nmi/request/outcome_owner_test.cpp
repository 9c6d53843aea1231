// SPDX-License-Identifier: Apache-2.0
// A tenant who names another team's client ID beside a resource ID of his own, and the forms of an endpoint in which he
// might get that team's token (SEC-1): real token source, cache and IMDS behind sockets.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.hpp"
#include "nmi/request/outcome_fixture.hpp"
#include "nmi/token/azure_token_source.hpp"

namespace podid::nmi {
namespace {

using test::Cluster;
using test::Got;
using test::kBoth;
using test::make_binding;
using test::make_identity;
using test::variant;

class NoSecrets final : public SecretReader {
 public:
  base::Task<base::Result<Data>> read(core::SecretReference, base::SteadyTime) override {
    co_return base::fail(base::ErrorKind::not_found, "not there");
  }
};

// The identities "mine" and "victim" on one VM.
class OutcomeOwnerTest : public test::OutcomeFixture {
 protected:
  OutcomeOwnerTest() {
    http = net::HttpClient::create(io.get_executor(), clock, {}).value();
    entra = std::make_unique<azure::EntraClient>(azure::DirectoryEndpoints::create({}).value(), *http, clock, random);
    const std::string at = "http://127.0.0.1:" + std::to_string(proxy_options.endpoint.port);
    imds_client = std::make_unique<azure::ImdsClient>(
        azure::ImdsClient::create({.endpoint = at, .jitter = 0}, *http, clock, random).value());
    imds.reply = [this](const std::string& target) { return answer(target); };
    use({});
  }
  ~OutcomeOwnerTest() override { fetch_from(tokens); }

  void use(const AzureTokenSourceOptions& source_options) {
    auto next = std::make_unique<AzureTokenSource>(source_options, *imds_client, *entra, secrets, clock, metrics);
    fetch_from(*next);
    azure_source = std::move(next);
  }

  // As the real endpoint answers.
  net::Response answer(const std::string& target) const {
    std::string name;
    for (const char* known : {"mine", "victim", "system"}) {
      const std::string by_client = std::string("client_id=client-") + known + "&";
      const std::string by_resource = "msi_res_id=" + base::form_encode(test::identity_resource_id(known)) + "&";
      if (target.contains(by_client) || (knows_resource_ids && target.contains(by_resource))) name = known;
    }
    const bool selected = target.contains("client_id=") || (knows_resource_ids && target.contains("msi_res_id="));
    if (!selected) name = by_default;
    if (swapped && !name.empty()) name = name == "mine" ? "victim" : "mine";
    net::Response response;
    if (name.empty()) {
      response.status = 400;
      response.body = R"({"error":"invalid_request","error_description":")" +
                      std::string(selected ? "Identity not found" : "Multiple user assigned identities exist") + "\"}";
      return response;
    }
    std::string claims = R"({"appid":"client-)" + name + "\"";
    if (names_resource_ids) claims += R"(,"xms_mirid":")" + base::to_lower(test::identity_resource_id(name)) + "\"";
    const std::string token =
        sealed ? "sealed-" + name : "e30." + base::base64url(claims + "}") + "." + name.substr(0, 4);
    response.status = 200;
    response.body = R"({"access_token":")" + token + R"(","expires_in":"86399","client_id":"client-)" + name + "\"}";
    return response;
  }

  static core::AzureIdentity identity(const std::string& resource, const std::string& client) {
    core::AzureIdentity made = make_identity("shop", "reader");
    made.resource_id = core::ResourceId(resource.empty() ? "" : test::identity_resource_id(resource));
    made.client_id = core::ClientId(client.empty() ? "" : "client-" + client);
    return made;
  }
  static Cluster standard_with(const core::AzureIdentity& of) {
    return {.pods = {usual_pod()},
            .assigned = {test::make_assigned(usual_pod(), of, make_binding("shop", "reader-binding", "reader"))}};
  }
  static Cluster managed_with(const core::AzureIdentity& of) {
    return managed({make_binding("shop", "reader-binding", "reader")}, {of});
  }
  static std::vector<std::pair<const char*, Cluster>> in_all_modes(const core::AzureIdentity& of) {
    return {{"standard", standard_with(of)}, {"managed", managed_with(of)}};
  }
  static bool is_of(const Got& got, const std::string& name) {
    return got.status == 200 &&
           (got.body.contains("." + name.substr(0, 4) + "\"") || got.body.contains("sealed-" + name));
  }
  static std::string sentence(const std::string& what) { return "AzureIdentity shop/reader: " + what; }
  std::uint64_t mismatches() { return metrics.counter(base::metric::kNmiClientIdMismatches).find_or_add()->value(); }

  bool knows_resource_ids = true;
  bool names_resource_ids = true;
  bool sealed = false;   // tokens that only their audience can read
  bool swapped = false;  // the endpoint confuses its identities
  std::string by_default;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<azure::EntraClient> entra;
  std::unique_ptr<azure::ImdsClient> imds_client;
  NoSecrets secrets;
  std::unique_ptr<AzureTokenSource> azure_source;
};

const char* const kWrongClient =
    "spec.clientID is not the client ID of the identity that spec.resourceID names, which is clie##### REDACTED "
    "#####mine; nothing is "
    "issued until the AzureIdentity is corrected";

const char* const kUnproven =
    "the metadata endpoint does not choose by spec.resourceID, and the token that it gave for spec.clientID does not "
    "say "
    "which identity it is of; nothing is issued";

TEST_F(OutcomeOwnerTest, AnothersClientIdBesideAResourceIdOfOnesOwnIsRefusedAtOnce) {
  for (const bool sealed_tokens : kBoth) {
    sealed = sealed_tokens;
    for (const auto& [mode, cluster] : in_all_modes(identity("mine", "victim"))) {
      for (const bool namespaced : kBoth) {
        options.authorizer.namespaced = namespaced;
        for (const bool legacy : kBoth) {
          serve(cluster, {.legacy = legacy, .retry_after_503 = true});
          for (const bool host : kBoth) {
            for (const char* selector : {"", "&client_id=client-victim", "&mi_res_id=", "&bypass_cache=true"}) {
              SCOPED_TRACE(variant(mode, legacy, host) + selector);
              const std::uint64_t before = mismatches();
              const std::string query = std::string("resource=r") + selector;
              const std::string whole =
                  query.ends_with("mi_res_id=") ? query + test::identity_resource_id("mine") : query;
              expect_told(ask_for_token(host, whole), legacy, {403, sentence(kWrongClient)});
              EXPECT_EQ(mismatches(), before + 1);
            }
          }
        }
      }
    }
  }
  EXPECT_TRUE(std::ranges::none_of(imds.requests, [](const std::string& request) {
    return request.contains("client-victim");
  })) << "the victim's token is not even asked for";
}

// Another pod of the node has the victim's token already.
TEST_F(OutcomeOwnerTest, TheCacheDoesNotGiveItEither) {
  core::Pod victim = test::make_pod("team", "victim-0", "victim");
  victim.pod_ips = {"127.0.0.6"};
  core::AzureIdentity theirs = make_identity("team", "victim");
  const core::AzureIdentity evil = identity("mine", "victim");
  const core::AzureIdentityBinding their_binding = make_binding("team", "victim-binding", "victim", "victim");
  serve({.pods = {usual_pod(), victim},
         .assigned = {test::make_assigned(victim, theirs, their_binding),
                      test::make_assigned(usual_pod(), evil, make_binding("shop", "reader-binding", "reader"))}},
        {});
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(is_of(ask("/metadata/identity/oauth2/token?resource=r", "Metadata: true\r\n", "127.0.0.6"), "victim"));
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
  }
}

// Whatever a pod writes into its query, the endpoint is asked for the pod's own identity, once, and hears the rest as values.
TEST_F(OutcomeOwnerTest, NoParameterReachesAnotherIdentity) {
  const char* const own[] = {
      "&client_id=client-mine&client_id=client-victim",
      "&Client_Id=client-victim",
      "&CLIENT_ID=client-victim",
      "&client_id%00=client-victim",
      "%26client_id%3Dclient-victim",
      "&claims=%7B%7D%26client_id%3Dclient-victim",
      "&xms_cc=CP1%26client_id%3Dclient-victim%26msi_res_id%3Dx",
      "&token_sha256_to_refresh=ab%26object_id%3Dobject-victim",
      "&x=y%0d%0aMetadata:%20false",
      ";client_id=client-victim",
  };
  serve(standard_with(identity("mine", "mine")), {});
  for (const char* query : own) {
    imds.requests.clear();
    const Got got = ask_for_token(false, std::string("resource=r") + std::to_string(&query - own) + query);
    EXPECT_TRUE(is_of(got, "mine") || got.status == 400) << query << " " << got.body;
    for (const std::string& request : imds.requests) {
      EXPECT_TRUE(request.contains("msi_res_id=" + base::form_encode(test::identity_resource_id("mine")) + "&"))
          << request;
      EXPECT_FALSE(request.contains("&client_id=") || request.contains("?client_id=") ||
                   request.contains("&object_id="))
          << request;
      EXPECT_EQ(request.find("msi_res_id="), request.rfind("msi_res_id=")) << request;
    }
  }
}

TEST_F(OutcomeOwnerTest, TheSentenceIsCountedForTheAzureIdentityAndTheBinding) {
  serve(standard_with(identity("mine", "victim")), {});
  for (int i = 0; i < 3; ++i) ask_for_token(false, "resource=r" + std::to_string(i));
  const std::vector<Issuance> taken = handler->issuances().take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].count, 3u);
  EXPECT_EQ(taken[0].mismatch, sentence(kWrongClient));
  EXPECT_EQ(taken[0].identity->meta.name, "reader");
  EXPECT_EQ(taken[0].binding->meta.name, "reader-binding");
}

TEST_F(OutcomeOwnerTest, AnEditHealsAndAnEditTakesAway) {
  serve(standard_with(identity("mine", "victim")), {});
  EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
  serve(standard_with(identity("mine", "mine")), {});
  EXPECT_TRUE(is_of(ask("/metadata/identity/oauth2/token?resource=r"), "mine")) << "at once";
  serve(standard_with(identity("mine", "victim")), {});
  EXPECT_EQ(ask("/metadata/identity/oauth2/token?resource=r").status, 403);
}

TEST_F(OutcomeOwnerTest, WhatTheResourceIdNamesIsIssued) {
  for (const char* client : {"mine", ""}) {
    for (const bool sealed_tokens : kBoth) {
      sealed = sealed_tokens;
      for (const auto& [mode, cluster] : in_all_modes(identity("mine", client))) {
        SCOPED_TRACE(std::string(mode) + client);
        serve(cluster, {});
        imds.requests.clear();
        EXPECT_TRUE(is_of(ask_for_token(false, sealed ? "resource=s" : "resource=r"), "mine"));
        for (const std::string& request : imds.requests) EXPECT_TRUE(request.contains("msi_res_id=")) << request;
      }
    }
  }
}

// The controller leaves the assignment Created and says why: nobody waits for what nothing but an edit heals.
TEST_F(OutcomeOwnerTest, AnAssignmentThatWillNotComeIsRefusedAtOnce) {
  core::AzureAssignedIdentity stuck = test::make_assigned(
      usual_pod(), identity("mine", "victim"), make_binding("shop", "reader-binding", "reader"), core::kCreated);
  stuck.meta.annotations.emplace(core::kAzureClientIdAnnotation, "client-mine");
  core::AzureIdentity other = make_identity("shop", "other");
  const core::AzureAssignedIdentity under_way =
      test::make_assigned(usual_pod(), other, make_binding("shop", "other-binding", "other"), core::kCreated);
  for (const bool legacy : kBoth) {
    for (const bool host : kBoth) {
      SCOPED_TRACE(variant("stuck", legacy, host));
      serve({.pods = {usual_pod()}, .assigned = {stuck}}, {.legacy = legacy, .retry_after_503 = true});
      expect_told(ask_for_token(host, "resource=r"), legacy, {403, sentence(kWrongClient)});
      serve({.pods = {usual_pod()}, .assigned = {stuck, under_way}}, {.legacy = legacy});
      expect_told(ask_for_token(host, "resource=r&client_id=client-victim"), legacy, {403, sentence(kWrongClient)});
      EXPECT_NE(ask_for_token(host, "resource=r", std::chrono::seconds(legacy ? 100 : 40)).status, 403)
          << "the other one may come";
      EXPECT_NE(
          ask_for_token(host, "resource=r&client_id=client-other", std::chrono::seconds(legacy ? 100 : 40)).status,
          403);
    }
  }
  EXPECT_TRUE(imds.requests.empty());
  const std::vector<Issuance> taken = handler->issuances().take();
  EXPECT_TRUE(std::ranges::any_of(taken, [](const Issuance& one) { return one.mismatch == sentence(kWrongClient); }));
  // What is not, or no longer, contradicted is waited for.
  stuck.identity.client_id = core::ClientId("CLIENT-mine");
  serve({.pods = {usual_pod()}, .assigned = {stuck}}, {});
  EXPECT_NE(ask_for_token(false, "resource=r", std::chrono::seconds(40)).status, 403);
}

// There is nothing but the client ID, and what came is compared with it.
TEST_F(OutcomeOwnerTest, ManagedModeWithoutAResourceId) {
  serve(managed_with(identity("", "mine")), {});
  EXPECT_TRUE(is_of(ask_for_token(false, "resource=r"), "mine"));
  swapped = true;
  expect_told(
      ask_for_token(false, "resource=other"), false,
      {403, sentence("the token that came is of another identity than the one that spec.clientID names; nothing "
                     "is issued")});
}

TEST_F(OutcomeOwnerTest, ATokenThatTurnsOutToBeAnothersAtItsRefreshEndsTheOneBefore) {
  serve(standard_with(identity("mine", "mine")), {});
  EXPECT_TRUE(is_of(ask_for_token(false, "resource=r"), "mine"));
  swapped = true;
  EXPECT_EQ(ask_for_token(false, "resource=r&bypass_cache=true").status, 403);
  EXPECT_TRUE(is_of(ask_for_token(false, "resource=r"), "mine")) << "a challenge's answer says nothing of the other";
  advance(std::chrono::minutes(61));
  source.heard(clock.steady_now());
  EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
  EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
}

// An endpoint that does not know msi_res_id is asked by client ID; what comes back is compared all the same.
TEST_F(OutcomeOwnerTest, AnEndpointThatKnowsNoResourceIds) {
  knows_resource_ids = false;
  for (const bool names : kBoth) {
    names_resource_ids = names;
    const std::string resource = names ? "resource=r" : "resource=n";
    for (const auto& [mode, cluster] : in_all_modes(identity("mine", "mine"))) {
      for (const char* chosen : {"", "mine", "victim", "system"}) {
        SCOPED_TRACE(std::string(mode) + " mode, default " + chosen + (names ? ", names" : ""));
        by_default = chosen;
        serve(cluster, {});
        const Got got = ask_for_token(false, resource + chosen + mode);
        // One that hands out another identity unasked is asked again by client ID, and believed where the token says that it
        // is of the resource ID: the client ID is only what the AzureIdentity says.
        const bool usable = names || by_default == "mine";
        EXPECT_EQ(is_of(got, "mine"), usable) << got.body;
        if (!usable) EXPECT_EQ(got.status, 403);
        if (!names && by_default.empty()) expect_told(got, false, {403, sentence(kUnproven)});
      }
    }
  }
}

// Where the endpoint's refusal makes us ask by client ID, that must not become the way to another's token.
TEST_F(OutcomeOwnerTest, AskingByClientIdProvesWhoseTheTokenIs) {
  knows_resource_ids = false;
  serve(standard_with(identity("mine", "victim")), {});
  for (const char* chosen : {"", "system", "victim"}) {
    by_default = chosen;
    expect_told(
        ask_for_token(false, std::string("resource=r") + chosen), false,
        {403, sentence("the token that came is of another identity than the one that spec.resourceID names; nothing "
                       "is issued until the AzureIdentity is corrected")});
  }
  by_default.clear();
  for (const bool sealed_tokens : kBoth) {
    sealed = sealed_tokens;
    names_resource_ids = false;
    expect_told(ask_for_token(false, sealed ? "resource=s" : "resource=n"), false, {403, sentence(kUnproven)});
  }
}

// "Identity not found" is the word of an endpoint that knows resource IDs: nothing else is tried.
TEST_F(OutcomeOwnerTest, AnIdentityThatIsNotOnTheMachineIsNotAskedForByClientId) {
  serve(standard_with(identity("gone", "victim")), {});
  const Got got = ask_for_token(false, "resource=r");
  EXPECT_EQ(got.status, 403);
  EXPECT_TRUE(got.body.contains("Identity not found")) << got.body;
  EXPECT_EQ(imds.requests.size(), 1u);
}

TEST_F(OutcomeOwnerTest, WhatTheOperatorExcludesIsNeverIssued) {
  const std::string told =
      "the operator has excluded this identity (--never-issue of the NMI): no pod gets its tokens, whatever is bound";
  for (const std::string& excluded : {std::string("CLIENT-mine"), base::to_lower(test::identity_resource_id("mine"))}) {
    use({.never_issue = {excluded}});
    for (const core::AzureIdentity& of : {identity("mine", "mine"), identity("mine", ""), identity("", "mine")}) {
      for (const auto& [mode, cluster] : in_all_modes(of)) {
        if (of.resource_id.empty() && cluster.identities.empty()) continue;
        for (const bool legacy : kBoth) {
          serve(cluster, {.legacy = legacy});
          for (const bool host : kBoth) {
            SCOPED_TRACE(variant(mode, legacy, host) + excluded);
            expect_told(ask_for_token(host, "resource=r"), legacy, {403, sentence(told)});
          }
        }
      }
    }
    core::Pod agent = usual_pod();
    agent.labels = {{"app", "agent"}};
    core::AzurePodIdentityException exception;
    exception.meta.ns = "shop";
    exception.pod_labels = agent.labels;
    by_default = "mine";
    serve({.pods = {agent}, .exceptions = {exception}}, {});
    for (const std::string& selector :
         {std::string(), std::string("&client_id=client-mine"), "&mi_res_id=" + test::identity_resource_id("mine")}) {
      expect_told(ask_for_token(false, "resource=r" + selector), false, {403, told});
    }
    EXPECT_EQ(ask_for_token(false, "resource=r&client_id=client-victim").status, 200) << "the exception allows it";
    // The controller runs under such an identity.
    core::Pod controller = usual_pod();
    controller.ns = "default";
    controller.replica_set = "mic-7d";
    controller.service_account = "aad-pod-id-mic-service-account";
    serve({.pods = {controller}}, {});
    EXPECT_TRUE(is_of(ask_for_token(false, "resource=r&client_id=client-mine"), "mine"));
    serve({.pods = {agent}, .exceptions = {exception}}, {});
    EXPECT_EQ(ask_for_token(false, "resource=r&client_id=client-mine").status, 403)
        << "not from the controller's token";
    by_default.clear();
    serve(standard_with(identity("victim", "victim")), {});
    EXPECT_TRUE(is_of(ask_for_token(false, "resource=r"), "victim")) << "what is not excluded";
  }
}

}  // namespace
}  // namespace podid::nmi
