// SPDX-License-Identifier: Apache-2.0
#include "azure/entra_wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::azure {
namespace {

using ::testing::StartsWith;

TEST(ClaimsRequest, JoinsClaimsAndCapabilities) {
  struct Row {
    std::string_view claims, capabilities, expected;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"", "", ""},
           {"", "CP1", R"({"access_token":{"xms_cc":{"values":["CP1"]}}})"},
           {"", "cp1, llt", R"({"access_token":{"xms_cc":{"values":["cp1","llt"]}}})"},
           {R"({"access_token":{"nbf":{"essential":true}}})", "", R"({"access_token":{"nbf":{"essential":true}}})"},
           {R"({"access_token":{"nbf":{"essential":true}}})", "CP1",
            R"({"access_token":{"nbf":{"essential":true},"xms_cc":{"values":["CP1"]}}})"},
           {R"({"id_token":{}})", "CP1", R"({"id_token":{},"access_token":{"xms_cc":{"values":["CP1"]}}})"},
           {R"({"access_token":null})", "CP1", R"({"access_token":{"xms_cc":{"values":["CP1"]}}})"},
       }) {
    const auto joined = claims_request(row.claims, row.capabilities);
    ASSERT_TRUE(joined.has_value()) << row.claims;
    EXPECT_EQ(*joined, row.expected);
  }
  for (const auto& [claims, capabilities] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"{", ""}, {"[]", "CP1"}, {"text", ""}, {R"({"access_token":1})", "CP1"}}) {
    const auto joined = claims_request(claims, capabilities);
    ASSERT_FALSE(joined.has_value()) << claims;
    EXPECT_EQ(joined.error().kind, base::ErrorKind::invalid);
    EXPECT_THAT(joined.error().message, StartsWith("parameter claims: "));
  }
}

}  // namespace
}  // namespace podid::azure
