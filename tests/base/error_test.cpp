// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <gtest/gtest.h>

namespace podid::base {
namespace {

TEST(Error, ContextGoesBeforeTheMessage) {
  const Result<int> failed = fail(ErrorKind::denied, "no");
  EXPECT_EQ(failed.error().with_context("reading x").message, "reading x: no");
  EXPECT_EQ(failed.error().message, "no");
}

TEST(Error, KnowsWhichKindsAreWorthARetry) {
  for (const int status : {429, 408, 500, 502, 503, 504}) {
    EXPECT_TRUE(is_retryable(fail(kind_of_http_status(status), "").error())) << status;
  }
  for (const int status : {400, 401, 403, 404, 409, 410, 422, 501}) {
    EXPECT_FALSE(is_retryable(fail(kind_of_http_status(status), "").error())) << status;
  }
}

}  // namespace
}  // namespace podid::base
