// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/query.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

struct Case {
  const char* raw;
  const char* resource;
  const char* client_id;
  const char* resource_id;
};

TEST(Query, ReadsParametersAsFormsWriteThem) {
  const Case cases[] = {
      {"resource=https%3A%2F%2Fvault.azure.net&api-version=2018-02-01", "https://vault.azure.net", "", ""},
      {"resource=https://vault.azure.net&client_id=c", "https://vault.azure.net", "c", ""},
      {"resource=a+b%20c", "a b c", "", ""},
      {"resource=first&resource=second", "first", "", ""},
      {"resource=&resource=second", "", "", ""},
      {"Resource=x", "", "", ""},
      {"re%73ource=x", "x", "", ""},
      // A pair with a semicolon or a bad escape is dropped, the others still count.
      {"resource=a;b&resource=c", "c", "", ""},
      {"resource=%zz&client_id=c&resource=%2", "", "c", ""},
      {"%zz=1&resource=ok", "ok", "", ""},
      {"msi_res_id=m&mi_res_id=n&resource=r", "r", "", "m"},
      {"mi_res_id=n&resource=r", "r", "", "n"},
      {"msi_res_id=&mi_res_id=n&resource=r", "r", "", "n"},
      {"resource_id=o&mi_res_id=n&resource=r", "r", "", "n"},
      {"resource_id=o&resource=r", "r", "", "o"},
      {"msi-res-id=y&resource=r", "r", "", ""},
      {"resource", "", "", ""},
      {"&&resource=r&&", "r", "", ""},
      {"resource=a=b", "a=b", "", ""},
      {"", "", "", ""},
  };
  for (const Case& c : cases) {
    std::string scratch;
    const TokenQuery query = parse_token_query(c.raw, scratch);
    EXPECT_EQ(query.resource, c.resource) << c.raw;
    EXPECT_EQ(query.client_id.text(), c.client_id) << c.raw;
    EXPECT_EQ(query.resource_id.text(), c.resource_id) << c.raw;
    EXPECT_FALSE(query.wants_new_token()) << c.raw;
  }
}

TEST(Query, DecodedValuesDoNotMove) {
  std::string scratch;
  const TokenQuery query = parse_token_query("client_id=%41%42&resource=%43%44&object_id=%45", scratch);
  EXPECT_EQ(query.client_id.text(), "AB");
  EXPECT_EQ(query.resource, "CD");
  EXPECT_EQ(query.object_id.text(), "E");
}

TEST(Query, KeepsWhatTheRealEndpointIsToSee) {
  std::string scratch;
  const TokenQuery query = parse_token_query("resource=r&bypass_cache=true&xms_cc=CP1&claims=%7B%7D", scratch);
  EXPECT_TRUE(query.wants_new_token());
  ASSERT_EQ(query.extra.size(), 3u);
  EXPECT_EQ(query.extra[0], (std::pair<std::string, std::string>("bypass_cache", "true")));
  EXPECT_EQ(query.extra[1], (std::pair<std::string, std::string>("xms_cc", "CP1")));
  EXPECT_EQ(query.extra[2], (std::pair<std::string, std::string>("claims", "{}")));
}

TEST(Query, OnlyTrueBypassesTheCacheAndCapabilitiesDoNot) {
  std::string scratch;
  EXPECT_FALSE(parse_token_query("resource=r&bypass_cache=1", scratch).wants_new_token());
  EXPECT_FALSE(parse_token_query("resource=r&bypass_cache=false&bypass_cache=true", scratch).wants_new_token());
  EXPECT_FALSE(parse_token_query("resource=r&xms_cc=CP1", scratch).wants_new_token());
  EXPECT_TRUE(parse_token_query("resource=r&token_sha256_to_refresh=ab", scratch).wants_new_token());
}

}  // namespace
}  // namespace podid::nmi
