// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_source.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

base::Error error_of(base::ErrorKind kind, int http_status = 0) {
  base::Error error;
  error.kind = kind;
  error.http_status = http_status;
  return error;
}

TEST(IsRefusal, AnEndpointsDefiniteNoIsOne) {
  for (const int status : {400, 401, 403}) EXPECT_TRUE(is_refusal(error_of(base::ErrorKind::denied, status))) << status;
  for (const int status : {404, 408, 410, 429, 500, 503}) {
    EXPECT_FALSE(is_refusal(error_of(base::ErrorKind::unavailable, status))) << status;
  }
}

TEST(IsRefusal, WithoutAnAnswerOnlyWhatNoRetryMendsIsOne) {
  using enum base::ErrorKind;
  for (const auto kind : {not_found, denied, invalid, unsupported}) EXPECT_TRUE(is_refusal(error_of(kind)));
  for (const auto kind : {unavailable, timeout, cancelled, throttled, internal}) {
    EXPECT_FALSE(is_refusal(error_of(kind)));
  }
}

}  // namespace
}  // namespace podid::nmi
