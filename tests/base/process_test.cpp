// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/text.hpp"
#include "support/run_task.hpp"

namespace podid::base {
namespace {

using namespace std::chrono_literals;
using test::run_task;
using testing::HasSubstr;

constexpr Duration kLong = 60s;

TEST(Process, PassesInputAndCollectsBothOutputs) {
  const auto result = run_task(run_process({"sh", "-c", "cat; echo oops >&2; exit 3"}, "hello", kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->output, "hello");
  EXPECT_EQ(result->error_output, "oops\n");
}

TEST(Process, PassesLargeInputAndOutput) {
  const std::string input(900'000, 'x');
  const auto result = run_task(run_process({"cat"}, input, kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, input);
}

TEST(Process, OutputIsCutAtTheLimit) {
  const auto result = run_task(run_process({"head", "-c", "3000000", "/dev/zero"}, "", kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output.size(), 1u << 20);
}

TEST(Process, TheProgramNeedNotReadItsInput) {
  const auto result = run_task(run_process({"true"}, std::string(500'000, 'x'), kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 0);
}

TEST(Process, AMissingProgramIsAnError) {
  const auto result = run_task(run_process({"podid-no-such-program"}, "", kLong));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::not_found);
  EXPECT_THAT(result.error().message, HasSubstr("cannot run podid-no-such-program"));
}

TEST(Process, SignalBecomesAnExitCode) {
  const auto result = run_task(run_process({"sh", "-c", "kill -TERM $$"}, "", kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 128 + SIGTERM);
}

TEST(Process, TooSlowIsKilledWithItsChildren) {
  const auto result = run_task(run_process({"sh", "-c", "sleep 600; true"}, "", 10ms));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::timeout);
}

TEST(Process, DoesNotWaitForWhatTheProgramLeavesBehind) {
  const auto result = run_task(run_process({"sh", "-c", "sleep 600 & echo $!"}, "", kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 0);
  const auto left_behind = parse_number<int>(trim(result->output));
  ASSERT_TRUE(left_behind);
  EXPECT_EQ(::kill(*left_behind, SIGKILL), 0);
}

TEST(Process, PipeSignalIsNotIgnoredInTheProgram) {
  // A writer whose reader is gone must die quietly, as in a shell pipeline.
  const auto result = run_task(run_process({"sh", "-c", "yes | head -n 1"}, "", kLong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "y\n");
  EXPECT_EQ(result->error_output, "");
}

}  // namespace
}  // namespace podid::base
