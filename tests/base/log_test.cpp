// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace podid::base {
namespace {

// Lines go to the process's standard error, and configure() is once per process: each case is a process of its own.
class LogDeathTest : public testing::Test {
 protected:
  LogDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LogDeathTest, TextLineCarriesQuotedFields) {
  EXPECT_EXIT(
      {
        log::configure(log::Format::text, 0, "nmi");
        log::debug("not shown");
        log::warning("token refused", {{"pod", "shop/web\n0"}, {"status", 403}, {"cached", false}});
        std::exit(0);
      },
      testing::ExitedWithCode(0),
      R"(^W1?[0-9]+ [0-9:.]+ [0-9]+\] token refused pod="shop/web\\n0" status=403 cached=false)");
}

TEST_F(LogDeathTest, JsonLineIsOneObject) {
  EXPECT_EXIT(
      {
        log::configure(log::Format::json, 1, "mic");
        log::debug("step", {{"name", "a\"b"}, {"count", 2}});
        std::exit(0);
      },
      testing::ExitedWithCode(0),
      R"(^\{"ts":"[-0-9T:.]+Z","level":"debug","component":"mic","msg":"step","name":"a\\"b","count":2\})");
}

// SEC-7: what a tenant writes into an object must not fill the log.
TEST_F(LogDeathTest, LongValuesAreCutBetweenCharacters) {
  EXPECT_EXIT(
      {
        log::configure(log::Format::text, 0, "nmi");
        log::warning("bad", {{"value", std::string(1023, 'x') + "\xc3\xa9" + std::string(500000, 'y')}, {"next", 1}});
        std::exit(0);
      },
      testing::ExitedWithCode(0), R"re(bad value="x+… \(501025 bytes\)" next=1)re");
}

}  // namespace
}  // namespace podid::base
