// SPDX-License-Identifier: Apache-2.0
#include "azure/imds_wire.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace podid::azure {
namespace {

TEST(ImdsRequest, NamesTheIdentityInItsTarget) {
  struct Row {
    ImdsTokenRequest request;
    std::string_view query;
  };
  for (const Row& row : std::initializer_list<Row>{
           {{.resource = "https://management.azure.com/",
             .client_id = {},
             .resource_id = {},
             .object_id = {},
             .extra = {}},
            "api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"},
           {{.resource = "a b", .client_id = "c1", .resource_id = {}, .object_id = {}, .extra = {}},
            "api-version=2018-02-01&client_id=c1&resource=a+b"},
           {{.resource = "r", .client_id = {}, .resource_id = "/subscriptions/s", .object_id = {}, .extra = {}},
            "api-version=2018-02-01&msi_res_id=%2Fsubscriptions%2Fs&resource=r"},
           {{.resource = "r", .client_id = {}, .resource_id = {}, .object_id = "o1", .extra = {}},
            "api-version=2018-02-01&object_id=o1&resource=r"},
           {{.resource = "r",
             .client_id = "c1",
             .resource_id = {},
             .object_id = {},
             .extra = {{"xms_cc", "CP1"},
                       {"bypass_cache", "true"},
                       {"claims", "{\"a\":1}"},
                       {"Client_ID", "evil"},
                       {"api-version", "1"},
                       {"mi_res_id", "evil"},
                       {"bypass_cache", "again"}}},
            "api-version=2018-02-01&bypass_cache=true&claims=%7B%22a%22%3A1%7D&client_id=c1&resource=r&xms_cc=CP1"},
       }) {
    const auto wire = imds_token_request(row.request);
    ASSERT_TRUE(wire.has_value());
    EXPECT_EQ(wire->target, "/metadata/identity/oauth2/token?" + std::string(row.query));
    EXPECT_EQ(wire->method, "GET");
    EXPECT_EQ(wire->headers.get_or_empty("Metadata"), "true");
    EXPECT_EQ(wire->headers.size(), 1u);
  }
}

// No member of an AzureIdentity, and nothing that a pod asks for, is read as another parameter or another line.
TEST(ImdsRequest, WhatIsWrittenIntoAnIdentityStaysOneValue) {
  for (const std::string_view hostile :
       {"c&client_id=b", "c%26client_id=b", "c\r\nMetadata: false", "c#d", "c\"'", "c\x1b[2J", "c d", "c\\d"}) {
    ImdsTokenRequest request;
    request.resource = hostile;
    request.client_id = hostile;
    request.extra = {{"claims", std::string(hostile)}};
    const auto wire = imds_token_request(request);
    ASSERT_TRUE(wire.has_value());
    EXPECT_EQ(wire->target.find_first_of("\r\n #\"'\x1b\\"), std::string::npos) << wire->target;
    EXPECT_EQ(std::ranges::count(wire->target, '&'), 3) << wire->target;
    EXPECT_EQ(std::ranges::count(wire->target, '='), 4) << wire->target;
    EXPECT_EQ(wire->headers.size(), 1u);
  }
}
TEST(ImdsRequest, RefusesBadInput) {
  EXPECT_EQ(imds_token_request({}).error().message, "parameter 'resource' cannot be empty");
  ImdsTokenRequest two;
  two.resource = "r";
  two.client_id = "c";
  two.object_id = "o";
  EXPECT_EQ(imds_token_request(two).error().kind, base::ErrorKind::invalid);
}

TEST(ImdsRetry, IsForTheseStatusesOnly) {
  for (const int status : {404, 408, 410, 429, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511}) {
    EXPECT_TRUE(is_imds_retry_status(status)) << status;
  }
  for (const int status : {200, 302, 400, 401, 403, 405, 509, 512})
    EXPECT_FALSE(is_imds_retry_status(status)) << status;
}

}  // namespace
}  // namespace podid::azure
