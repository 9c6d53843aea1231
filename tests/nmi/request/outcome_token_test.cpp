// SPDX-License-Identifier: Apache-2.0
// What a pod, or a process of the node, is told when its identity is chosen and the token does not come (nmi.md §4, §10):
// real token sources, a directory and an IMDS behind sockets.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "azure/azure_fixture.hpp"
#include "base/text.hpp"
#include "nmi/request/outcome_fixture.hpp"
#include "nmi/token/azure_token_source.hpp"
#include "support/test_certificates.hpp"

namespace podid::nmi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::variant;

class FakeSecrets final : public SecretReader {
 public:
  base::Task<base::Result<Data>> read(core::SecretReference secret, base::SteadyTime) override {
    read_names.insert(secret.ns + "/" + secret.name);
    if (failure) co_return std::unexpected(*failure);
    const auto found = data.find(secret.ns + "/" + secret.name);
    if (found == data.end()) co_return base::fail(base::ErrorKind::not_found, "not there");
    Data values;
    for (const auto& [key, value] : found->second) values.values.emplace_back(key, base::Secret(value));
    co_return values;
  }
  std::map<std::string, std::map<std::string, std::string>> data;
  std::set<std::string> read_names;
  std::optional<base::Error> failure;
};

// Pod web-0 and a service principal, whose directory the operator has allowed.
class OutcomeTokenTest : public test::OutcomeFixture {
 protected:
  OutcomeTokenTest() {
    const test::TestCa authority;
    const test::TestCertificate certificate = authority.issue({"127.0.0.1"});
    const auto tls = net::make_server_context(
        {.certificate_chain_pem = certificate.certificate_pem, .key_pem = base::Secret(certificate.key_pem)});
    directory = std::make_unique<test::ScriptedEndpoint>(io, tls.value());
    net::HttpClientOptions http_options = azure::http_client_options("podid-test");
    http_options.tls.ca_pem = authority.certificate_pem();
    http = net::HttpClient::create(io.get_executor(), clock, std::move(http_options)).value();
    entra = std::make_unique<azure::EntraClient>(
        azure::DirectoryEndpoints::create({directory->url(), "https://127.0.0.1:1"}).value(), *http, clock, random);
    use_imds("http://127.0.0.1:" + std::to_string(proxy_options.endpoint.port), {});
    secrets.data = {{"shop/s", {{"clientSecret", "hunter2"}}},
                    {"shop/empty", {{"clientSecret", ""}}},
                    {"shop/two", {{"a", "1"}, {"b", "2"}}},
                    {"shop/none", {}},
                    {"shop/store", {{"certificate", "rubbish"}, {"password", "p"}}},
                    {"other/s", {{"clientSecret", "of others"}}}};
  }
  ~OutcomeTokenTest() override { fetch_from(tokens); }

  void use_imds(const std::string& endpoint, const TokenCacheOptions& cache_options) {
    const auto made = azure::ImdsClient::create({.endpoint = endpoint, .jitter = 0}, *http, clock, random);
    auto next = std::make_unique<azure::ImdsClient>(made.value());
    auto next_source =
        std::make_unique<AzureTokenSource>(AzureTokenSourceOptions{}, *next, *entra, secrets, clock, metrics);
    fetch_from(*next_source, cache_options);
    azure_source = std::move(next_source);
    imds_client = std::move(next);
  }
  core::AzureIdentity principal() const {
    core::AzureIdentity identity = test::make_identity("shop", "reader");
    identity.type = core::IdentityType::service_principal_secret;
    identity.tenant_id = "tenant-1";
    identity.client_password = {"s", "shop"};
    identity.ad_endpoint = directory->url("/");
    return identity;
  }
  static Cluster cluster_of(const core::AzureIdentity& identity) {
    return {.pods = {usual_pod()},
            .assigned = {
                test::make_assigned(usual_pod(), identity, test::make_binding("shop", "reader-binding", "reader"))}};
  }
  static std::string token(const std::string& text) {
    return R"({"access_token":")" + text + R"(","expires_in":"3600","resource":"r","token_type":"Bearer"})";
  }

  std::unique_ptr<test::ScriptedEndpoint> directory;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<azure::EntraClient> entra;
  std::unique_ptr<azure::ImdsClient> imds_client;
  FakeSecrets secrets;
  std::unique_ptr<AzureTokenSource> azure_source;
};

struct DirectoryAnswer {
  int status;
  std::string body;
};

struct FailureRow {
  const char* what;
  void (*change)(core::AzureIdentity&);
  std::vector<DirectoryAnswer> answers;  // all of them are taken
  int status;
  int permanent_status;  // with --permanent-config-errors=403
  std::string message;
};

// "Token endpoint answered" is 403, all else 503, for both handlers and in both styles.
TEST_F(OutcomeTokenTest, FailuresOfTheDirectoryAndOfTheConfigurationAreToldApart) {
  const auto as_it_is = [](core::AzureIdentity&) {};
  const auto two_more = [](core::AzureIdentity& identity) { identity.auxiliary_tenant_ids = {"tenant-2", "tenant-3"}; };
  const DirectoryAnswer no{401, R"({"error":"invalid_client"})"};
  const DirectoryAnswer yes{200, token("t")};
  const auto refused_by = [this](const std::string& tenant) {
    return R"(adal: Refresh request failed. Status Code = '401'. Response body: {"error":"invalid_client"} Endpoint )" +
           directory->url("/" + tenant + "/oauth2/token?api-version=1.0");
  };
  const std::string unreadable =
      "adal: Failed to unmarshal the service principal token during refresh. Error = 'access_token is missing' JSON = "
      "'{}'";
  const std::string cross_namespace =
      "AzureIdentity shop/reader may not use the Secret other/s of another namespace: move the Secret into namespace "
      "shop, or have the operator start the NMI with --allow-cross-namespace-secrets";
  const FailureRow rows[] = {
      {"refused", as_it_is, {no}, 403, 403, refused_by("tenant-1")},
      {"an unusable answer", as_it_is, {{200, "{}"}}, 403, 403, unreadable},
      {"an unusable time",
       as_it_is,
       {{200, R"({"access_token":"t","expires_on":"soon"})"}},
       403,
       403,
       R"(adal: failed to parse expires_on: neither a number nor a known date form)"},
      {"an empty answer",
       as_it_is,
       {{200, ""}},
       503,
       503,
       "adal: Empty service principal token received during refresh"},
      // NMI-16: several tenants are no reason for another status.
      {"refused by the primary tenant",
       two_more,
       {no},
       403,
       403,
       "failed to refresh primary token: " + refused_by("tenant-1")},
      {"refused by an auxiliary tenant",
       two_more,
       {yes, yes, no},
       403,
       403,
       "failed to refresh auxiliary token: " + refused_by("tenant-3")},
      {"too many tenants",
       [](auto& identity) { identity.auxiliary_tenant_ids = {"t1", "t2", "t3", "t4"}; },
       {},
       503,
       403,
       "must specify one to three auxiliary tenants"},
      // API-1: no Secret leaves its namespace, or goes where the operator does not want it.
      {"a Secret of others",
       [](auto& identity) { identity.client_password.ns = "other"; },
       {},
       503,
       403,
       cross_namespace},
      {"a directory that is not allowed",
       [](auto& identity) { identity.ad_endpoint = "https://evil.example/"; },
       {},
       503,
       403,
       "adEndpoint \"https://evil.example/\" is not a known cloud's authority; the operator can allow it with "
       "--allowed-ad-endpoints"},
      {"a directory without TLS",
       [](auto& identity) { identity.ad_endpoint = "http://login.microsoftonline.com/"; },
       {},
       503,
       403,
       "adEndpoint \"http://login.microsoftonline.com/\" is not https"},
      {"a tenant that leads elsewhere",
       [](auto& identity) { identity.tenant_id = "../x"; },
       {},
       503,
       403,
       "tenant \"../x\" is neither a GUID nor a domain name"},
      {"no Secret",
       [](auto& identity) { identity.client_password.name = "gone"; },
       {},
       503,
       503,
       "failed to get Kubernetes secret shop/gone, err: not there"},
      {"an empty secret",
       [](auto& identity) { identity.client_password.name = "empty"; },
       {},
       503,
       403,
       "parameter 'secret' cannot be empty"},
      {"no client ID",
       [](auto& identity) { identity.client_id = {}; },
       {},
       503,
       403,
       "parameter 'clientID' cannot be empty"},
      {"a Secret of many words (API-2)",
       [](auto& identity) { identity.client_password.name = "two"; },
       {},
       503,
       403,
       "Kubernetes secret shop/two must have the key clientSecret, or one key alone; it has a, b"},
      {"no certificate",
       [](auto& identity) { identity.type = core::IdentityType::service_principal_certificate; },
       {},
       503,
       403,
       "Kubernetes secret shop/s has no key certificate"},
      {"an unknown type",
       [](auto& identity) { identity.type = core::IdentityType{7}; },
       {},
       503,
       403,
       "unsupported identity type 7"},
  };
  for (const FailureRow& row : rows) {
    core::AzureIdentity identity = principal();
    row.change(identity);
    for (const bool permanent : kBoth) {
      options.permanent_config_errors_403 = permanent;
      for (const bool legacy : kBoth) {
        serve(cluster_of(identity), {.legacy = legacy, .retry_after_503 = true});
        for (const bool host : kBoth) {
          SCOPED_TRACE(variant(row.what, legacy, host) + (permanent ? ", permanent" : ""));
          for (const DirectoryAnswer& answer : row.answers) directory->answer(answer.status, answer.body);
          const Got got = ask_for_token(host, "resource=r");
          expect_told(got, legacy, {permanent ? row.permanent_status : row.status, row.message});
          EXPECT_EQ(directory->requests.size(), row.answers.size()) << "what the directory was sent";
          EXPECT_EQ(directory->left(), 0u);
          directory->requests.clear();
        }
      }
    }
  }
  EXPECT_FALSE(secrets.read_names.contains("other/s")) << "not even read";
}

// Not a limit of the pod, which would be told 429 and made to rest.
TEST_F(OutcomeTokenTest, AnApiServerThatThrottlesIsOutOfReachForAMoment) {
  secrets.failure = base::Error{.kind = base::ErrorKind::throttled,
                                .message = "slow down",
                                .http_status = 429,
                                .code = "TooManyRequests",
                                .retry_after = seconds(7)};
  for (const bool permanent : kBoth) {
    options.permanent_config_errors_403 = permanent;
    for (const bool legacy : kBoth) {
      serve(cluster_of(principal()), {.legacy = legacy});
      for (const bool host : kBoth) {
        SCOPED_TRACE(variant("throttled", legacy, host) + (permanent ? ", permanent" : ""));
        const Got got = ask_for_token(host, "resource=r");
        expect_told(got, legacy, {503, "failed to get Kubernetes secret shop/s, err: slow down", legacy ? 0 : 7});
      }
    }
  }
}

// Their texts are the tools' own.
TEST_F(OutcomeTokenTest, BadCertificatesAndDirectoriesOutOfReachAreToldApart) {
  struct Row {
    const char* what;
    void (*change)(core::AzureIdentity&);
    int permanent_status;
    const char* begins;
  };
  const Row rows[] = {
      {"a bad certificate",
       [](auto& identity) {
         identity.type = core::IdentityType::service_principal_certificate;
         identity.client_password.name = "store";
       },
       403, "certificate in Kubernetes secret shop/store: "},
      {"nobody there", [](auto& identity) { identity.ad_endpoint = "https://127.0.0.1:1/"; }, 503,
       "adal: Failed to execute the refresh request. Error = '"},
  };
  for (const Row& row : rows) {
    core::AzureIdentity identity = principal();
    row.change(identity);
    for (const bool permanent : kBoth) {
      options.permanent_config_errors_403 = permanent;
      for (const bool legacy : kBoth) {
        serve(cluster_of(identity), {.legacy = legacy});
        for (const bool host : kBoth) {
          SCOPED_TRACE(variant(row.what, legacy, host));
          const Got got = ask_for_token(host, "resource=r");
          EXPECT_EQ(got.status, permanent ? row.permanent_status : 503);
          EXPECT_TRUE(got.body.contains(row.begins)) << got.body;
        }
      }
    }
  }
}

TEST_F(OutcomeTokenTest, GivesOneTokenForEachTenantInOrder) {
  core::AzureIdentity identity = principal();
  identity.auxiliary_tenant_ids = {"tenant-3", "tenant-2"};
  for (const bool legacy : kBoth) {
    serve(cluster_of(identity), {.legacy = legacy});
    for (const char* text : {"first", "second", "third"}) directory->answer(200, token(text));
    const std::string resource = legacy ? "resource=a" : "resource=b";
    const Got got = ask_for_token(false, resource);
    EXPECT_EQ(got.status, 200);
    const std::size_t second = got.body.find(R"(},{"access_token":"second")");
    const std::size_t third = got.body.find(R"(},{"access_token":"third")");
    EXPECT_TRUE(got.body.starts_with(R"([{"access_token":"first")")) << got.body;
    EXPECT_LT(second, third) << got.body;
    EXPECT_TRUE(third != std::string::npos && got.body.ends_with("}]")) << got.body;
    const Got host = ask_for_token(true, resource);
    EXPECT_TRUE(host.body.starts_with(R"({"token":{"access_token":"first")")) << host.body;
    EXPECT_TRUE(host.body.ends_with(R"("},"clientid":"client-reader"})")) << host.body;
    ASSERT_EQ(directory->requests.size(), 3u) << "one for each tenant, the second answer from the cache";
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string tenant = i == 0 ? "tenant-1" : identity.auxiliary_tenant_ids[i - 1];
      EXPECT_TRUE(directory->requests[i].target.starts_with("/" + tenant + "/oauth2/token")) << tenant;
    }
    directory->requests.clear();
  }
}

// NMI-15: no wait is begun that would end after the deadline.
TEST_F(OutcomeTokenTest, AnEndpointThatFailsIsTriedUntilTheDeadline) {
  imds.reply_status = 500;
  const std::string origin = "http://127.0.0.1:" + std::to_string(proxy_options.endpoint.port);
  for (const bool legacy : kBoth) {
    for (const bool permanent : kBoth) {
      options.permanent_config_errors_403 = permanent;
      serve({.pods = {usual_pod()}, .assigned = {assigned("reader")}}, {.legacy = legacy});
      SCOPED_TRACE(variant("IMDS answers 500", legacy, false));
      advance(seconds(2));
      imds.requests.clear();
      const Pending pending = begin("/metadata/identity/oauth2/token?resource=r");
      for (const auto& [tries, wait] : {std::pair(1u, 2), std::pair(2u, 6)}) {
        ASSERT_TRUE(test::run_until(io, [&] { return imds.requests.size() == tries && clock.sleepers() > 0; }));
        EXPECT_FALSE(pending.done());
        advance(seconds(wait));
      }
      expect_told(finish(pending), legacy,
                  {503,
                   "no token before the deadline, 3 attempts made, the last one failed: adal: Refresh request "
                   "failed. Status Code = '500'. Response body: {} Endpoint " +
                       origin + "/metadata/identity/oauth2/token?api-version=2018-02-01&msi_res_id=" +
                       base::form_encode(test::identity_resource_id("reader")) + "&resource=r"});
      EXPECT_EQ(imds.requests.size(), 3u);
    }
  }
}

TEST_F(OutcomeTokenTest, AnEndpointThatIsSilentCostsTheDeadlineAtMost) {
  boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
  use_imds("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()), {.fetch_timeout = milliseconds(100)});
  for (const bool legacy : kBoth) {
    serve({.pods = {usual_pod()}, .assigned = {assigned("reader")}}, {.legacy = legacy});
    for (const bool host : kBoth) {
      const Got got = ask_for_token(host, "resource=r", milliseconds(100));
      EXPECT_EQ(got.status, 503) << got.body;
      EXPECT_TRUE(got.body.contains("no token before the deadline, 1 attempt made")) << got.body;
    }
  }
}

// An excepted pod and the controller have no identity whose configuration could be wrong: 403 whatever failed.
TEST_F(OutcomeTokenTest, FailuresOfTheNodesIdentitiesAreForbidden) {
  core::Pod agent = usual_pod();
  agent.labels = {{"app", "agent"}};
  core::AzurePodIdentityException exception;
  exception.meta.ns = "shop";
  exception.pod_labels = agent.labels;
  core::Pod controller = usual_pod();
  controller.ns = "default";
  controller.replica_set = "mic-7d";
  controller.service_account = "aad-pod-id-mic-service-account";
  imds.reply_status = 400;
  imds.reply_body = R"({"error":"invalid_request"})";
  const std::string from = "http://127.0.0.1:" + std::to_string(proxy_options.endpoint.port) +
                           "/metadata/identity/oauth2/token?api-version=2018-02-01";
  const std::string message =
      "failed to get service principal token, error: adal: Refresh request failed. Status Code = '400'. Response body: "
      R"({"error":"invalid_request"} Endpoint )" +
      from;
  for (const Cluster& cluster : {Cluster{.pods = {agent}, .exceptions = {exception}}, Cluster{.pods = {controller}}}) {
    for (const bool legacy : kBoth) {
      SCOPED_TRACE(variant(cluster.pods[0].name.c_str(), legacy, false));
      serve(cluster, {.legacy = legacy, .retry_after_503 = true});
      expect_told(ask_for_token(false, "resource=r"), legacy, {403, message + "&resource=r"});
      expect_told(ask_for_token(false, "resource=r&client_id=x"), legacy, {403, message + "&client_id=x&resource=r"});
      expect_told(ask_for_token(false, "resource=r&mi_res_id=y"), legacy, {403, message + "&msi_res_id=y&resource=r"});
    }
  }
}

}  // namespace
}  // namespace podid::nmi
