// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/path.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

struct Case {
  std::string target;
  Route route;
};

void expect_routes(const std::vector<Case>& cases, const RouteOptions& options) {
  for (const Case& c : cases) {
    EXPECT_EQ(static_cast<int>(route_request(c.target, options).route), static_cast<int>(c.route)) << c.target;
  }
}

TEST(Path, RoutesAreThoseOfTheSpecification) {
  expect_routes(
      {
          {"/metadata/identity/oauth2/token", Route::token},
          {"/metadata/identity/oauth2/token?resource=r", Route::token},
          {"/metadata/identity/oauth2/token/", Route::token},
          {"/metadata/identity/oauth2/token/x", Route::token},
          {"/metadata/identity/oauth2/tokenx", Route::token},
          {"/METADATA/identity/oauth2/token", Route::token},
          {"/MetaData/identity/oauth2/token", Route::token},
          {"/metadata/identity/oauth2/%74oken", Route::token},
          {"http://169.254.169.254/metadata/identity/oauth2/token?resource=r", Route::token},
          {"/metadata/IDENTITY/oauth2/token", Route::identity_path},
          {"/metadata/identity\\oauth2/token", Route::invalid_token_path},
          {"/metadata/identity/oauth2\\token", Route::invalid_token_path},
          {"/metadata/identity\\\\oauth2\\/token", Route::invalid_token_path},
          {"/metadata/identity%5Coauth2%5Ctoken", Route::invalid_token_path},
          {"/metadata/identity/x/oauth2/y/token", Route::invalid_token_path},
          {"/prefix/metadata/identity/oauth2/token", Route::invalid_token_path},
          {"/metadata/identityoauth2token", Route::invalid_token_path},
          {"/host/token", Route::host_token},
          {"/host/token/", Route::host_token},
          {"/host/tokens", Route::host_token},
          {"/HOST/token", Route::not_passed_on},
          {"/metadata/", Route::not_passed_on},
          {"/metadata/scheduledevents", Route::scheduled_events},
          {"/metadata/scheduledeventsx", Route::not_passed_on},
          {"/metadata/instancex", Route::not_passed_on},
          {"/metadata\\instance", Route::not_passed_on},
          {"/metadata/identity", Route::identity_path},
          {"/metadata/instance", Route::proxy},
          {"/metadata/identity/info", Route::proxy},
          {"/metadata/instance?api-version=2021-02-01", Route::proxy},
          {"/", Route::not_passed_on},
          {"/metadata/%zz", Route::malformed},
      },
      {});
}

TEST(Path, CertificatesOfTheNodesIdentitiesAreOutOfReach) {
  expect_routes({{"/metadata/identity/issuecredential?cred-api-version=2.0", Route::node_credential},
                 {"/metadata/identity/getplatformmetadata", Route::node_credential},
                 {"/Metadata/identity/issueCredential", Route::node_credential},
                 {"/metadata/identity%255Cissuecredential", Route::node_credential},
                 {"/metadata\\identity/issuecredential/", Route::node_credential},
                 {"/metadata/IDENTITY/issuecredential", Route::node_credential},
                 {"/metadata/identity/info", Route::proxy}},
                {});
}

TEST(Path, InstanceMetadataIsBlockedOnRequest) {
  const RouteOptions block{.block_instance = true};
  expect_routes({{"/metadata/instance", Route::blocked_instance},
                 {"/Metadata/instance/", Route::blocked_instance},
                 {"/metadata/instancex", Route::blocked_instance},
                 {"/metadata/INSTANCE", Route::blocked_instance},
                 {"/metadata\\instance", Route::blocked_instance},
                 {"/metadata/%69nstance", Route::blocked_instance},
                 {"/metadata/%2569nstance/compute", Route::blocked_instance},
                 {"/metadata/", Route::not_passed_on},
                 {"/metadata/versions", Route::proxy}},
                block);
}

// NMI-11: what a lenient server behind us might take for the token path.
TEST(Path, SideStepsAreRefused) {
  expect_routes({{"/metadata\\identity/oauth2/token", Route::invalid_token_path},
                 {"/metadata/identity/OAUTH2/token", Route::invalid_token_path},
                 {"/metadata/identity/oauth2/TOKEN", Route::invalid_token_path},
                 {"/metadata/identity/oauth2%252Ftoken", Route::invalid_token_path},
                 {"/%256detadata/identity/oauth2/token", Route::invalid_token_path},
                 {"/metadata/identity/oauth2/%0atoken", Route::invalid_token_path},
                 {"/metadata/identity%0a/oauth2/token", Route::invalid_token_path},
                 {"/metadata/%00identity/oauth2/token", Route::invalid_token_path},
                 {"/x\\..\\metadata/identity/oauth2/token", Route::invalid_token_path},
                 {"/metadata\\\\identity/oauth2/token", Route::invalid_token_path},
                 // More layers of escapes than anybody writes.
                 {"/%2525252525252541", Route::invalid_token_path}},
                {});
}

TEST(Path, StrictPathsRefuseEverySpelling) {
  expect_routes({{"/metadata/IDENTITY/oauth2/token", Route::invalid_token_path},
                 {"/metadata/Identity\\oauth2/token", Route::invalid_token_path},
                 {"/metadata/identity/info", Route::proxy}},
                {.strict_paths = true});
}

TEST(Path, NonCanonicalPathsAreRedirected) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"//metadata/identity/oauth2/token?resource=a%2Fb", "/metadata/identity/oauth2/token?resource=a%2Fb"},
      {"/metadata//identity/oauth2/token/", "/metadata/identity/oauth2/token/"},
      {"/metadata/./identity/oauth2/token", "/metadata/identity/oauth2/token"},
      {"/x/../metadata/identity/oauth2/token", "/metadata/identity/oauth2/token"},
      {"/metadata/%2e%2e/host/token", "/host/token"},
      {"/..", "/"},
      {"/a//b%20c?", "/a/b%20c?"},
      {"metadata", "/metadata"},
      {"*", "/*"},
      {"//evil.example/..//x", "/x"},
      {"/a//\r\n%0d%0aX: y", "/a/%0D%0A%0D%0AX:%20y"},
  };
  for (const auto& [target, location] : cases) {
    const Routed routed = route_request(target, {});
    EXPECT_EQ(static_cast<int>(routed.route), static_cast<int>(Route::redirect)) << target;
    EXPECT_EQ(routed.location, location) << target;
  }
}

TEST(Path, QueryTakesNoPartInRouting) {
  const Routed routed = route_request("/metadata/identity/oauth2/token?x=/../y&resource=r", {});
  EXPECT_EQ(static_cast<int>(routed.route), static_cast<int>(Route::token));
  EXPECT_EQ(routed.query, "x=/../y&resource=r");
}

TEST(Path, PathsOfTheFlagAreChecked) {
  for (const char* path : {"/", "/machine", "/metadata", "/metadata/loadbalancer/", "/metadata/identityx"}) {
    EXPECT_EQ(problem_with_proxy_path(path), "") << path;
  }
  for (const char* path : {"", "machine", "/a//b", "/a/../b", "/a%20b", "/a\\b", "/a?b", "/a b", "/metadata/identity",
                           "/Metadata/Identity/credential"}) {
    EXPECT_NE(problem_with_proxy_path(path), "") << path;
  }
  EXPECT_EQ(proxy_path_form("/Metadata/LoadBalancer/"), "/metadata/loadbalancer");
}

TEST(Path, ManyEscapesCostLittle) {
  std::string target = "/metadata/instance/";
  for (int i = 0; i < 20'000; ++i) target += "%25";
  EXPECT_EQ(static_cast<int>(route_request(target, {}).route), static_cast<int>(Route::proxy));
}

}  // namespace
}  // namespace podid::nmi
