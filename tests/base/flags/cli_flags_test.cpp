// SPDX-License-Identifier: Apache-2.0
#include "base/flags/cli_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/flags/log_flags.hpp"

namespace podid::base {
namespace {

using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Options {
  bool rules = true;
  std::string node;
  int attempts = 16;
  double qps = 5;
  Duration wait = 40s;
  std::vector<std::string> ids = {"a"};
  std::uint16_t port = 2579;
  std::string mode = "standard";
};

class CliFlagsTest : public testing::Test {
 protected:
  CliFlagsTest() {
    flags.add("rules", options.rules, "keep the rules");
    flags.add("node", options.node, "name of the node");
    flags.add("attempts", options.attempts, "look-ups", 0, 100);
    flags.add("qps", options.qps, "requests per second", 0.5);
    flags.add("wait", options.wait, "longest wait", 1s);
    flags.add("ids", options.ids, "ids that stay");
    flags.add_port("port", options.port, "port to listen on");
    flags.add_choice("mode", options.mode, {"standard", "managed"}, "how identities are found");
    flags.add_ignored("vmodule", "verbosity per file");
    flags.add_ignored("skip_headers", "no prefixes", FlagSet::Ignored::switch_alone);
    add_log_flags(log_flags, log_options);
  }

  std::optional<int> parse(std::vector<std::string> arguments) {
    out.str("");
    err.str("");
    return flags.parse(arguments, out, err);
  }

  Options options;
  FlagSet flags{"prog", "Does things."};
  LogOptions log_options;
  FlagSet log_flags{"prog", "Logs."};
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(CliFlagsTest, AcceptsEveryFormOfDashesAndValues) {
  EXPECT_EQ(parse({"--node=a", "-attempts", "3", "-qps=7.5", "--wait", "1m30s", "--port=80", "--mode=MANAGED"}),
            std::nullopt);
  EXPECT_EQ(options.node, "a");
  EXPECT_EQ(options.attempts, 3);
  EXPECT_EQ(options.qps, 7.5);
  EXPECT_EQ(options.wait, 90s);
  EXPECT_EQ(options.port, 80);
  EXPECT_EQ(options.mode, "managed");
  EXPECT_THAT(err.str(), IsEmpty());
}

TEST_F(CliFlagsTest, BooleanTakesNoSeparateValue) {
  EXPECT_EQ(parse({"--rules=false"}), std::nullopt);
  EXPECT_FALSE(options.rules);
  EXPECT_EQ(parse({"-rules", "--node=x"}), std::nullopt);
  EXPECT_TRUE(options.rules);
  EXPECT_EQ(parse({"--rules", "false"}), 2);
  EXPECT_THAT(err.str(), HasSubstr("unexpected argument \"false\""));
}

TEST_F(CliFlagsTest, ValueMayBeEmptyOrStartWithADash) {
  EXPECT_EQ(parse({"--node=", "--mode", "managed"}), std::nullopt);
  EXPECT_EQ(options.node, "");
  EXPECT_EQ(parse({"--node", "--odd"}), std::nullopt);
  EXPECT_EQ(options.node, "--odd");
}

TEST_F(CliFlagsTest, GivenTellsWhichFlagsWereThere) {
  EXPECT_EQ(parse({"--attempts=16"}), std::nullopt);
  EXPECT_TRUE(flags.given("attempts"));
  EXPECT_FALSE(flags.given("wait"));
}

TEST_F(CliFlagsTest, ListsReplaceTheDefaultAndAddUp) {
  EXPECT_EQ(parse({"--ids= b, ,c ", "--ids=d"}), std::nullopt);
  EXPECT_THAT(options.ids, ElementsAre("b", "c", "d"));
}

TEST_F(CliFlagsTest, UnknownFlagPrintsUsageAndExitsWithTwo) {
  EXPECT_EQ(parse({"--nodes=a"}), 2);
  EXPECT_THAT(err.str(), HasSubstr("unknown flag --nodes"));
  EXPECT_THAT(err.str(), HasSubstr("Usage: prog [flags]"));
  EXPECT_THAT(out.str(), IsEmpty());
}

TEST_F(CliFlagsTest, HelpExplainsEveryFlagOnStandardOutput) {
  EXPECT_EQ(parse({"--help"}), 0);
  for (const char* text :
       {"--rules\n        keep the rules (default true)", "--attempts number", "(default 40s)",
        "how identities are found (standard, managed) (default standard)", "accepted, without effect"}) {
    EXPECT_THAT(out.str(), HasSubstr(text));
  }
  EXPECT_EQ(parse({"-h"}), 0);
}

TEST_F(CliFlagsTest, BadValueIsOneLineWithFlagValueAndWhatIsAllowed) {
  const std::pair<std::string, std::string> cases[] = {
      {"--attempts=-1", "prog: flag --attempts: bad value \"-1\": must be a whole number from 0 to 100\n"},
      {"--attempts=5x", "prog: flag --attempts: bad value \"5x\": must be a whole number from 0 to 100\n"},
      {"--qps=0.1", "prog: flag --qps: bad value \"0.1\": must be a number of at least 0.5\n"},
      {"--qps=nan", "prog: flag --qps: bad value \"nan\": must be a number of at least 0.5\n"},
      {"--wait=40",
       "prog: flag --wait: bad value \"40\": must be a duration of at least 1s, such as 300ms, 90s or 2h45m\n"},
      {"--port=0", "prog: flag --port: bad value \"0\": must be a whole number from 1 to 65535\n"},
      {"--mode=both", "prog: flag --mode: bad value \"both\": must be one of: standard, managed\n"},
      {"--rules=maybe", "prog: flag --rules: bad value \"maybe\": must be true or false\n"},
      {"--node", "prog: flag --node needs a value\n"},
  };
  for (const auto& [argument, line] : cases) {
    EXPECT_EQ(parse({argument}), 2) << argument;
    EXPECT_EQ(err.str(), line);
  }
}

TEST_F(CliFlagsTest, IgnoredFlagsAreAccepted) {
  EXPECT_EQ(parse({"--vmodule", "x=2", "--skip_headers", "--skip_headers=false"}), std::nullopt);
}

TEST_F(CliFlagsTest, KlogFlagsAreAccepted) {
  EXPECT_EQ(log_flags.parse({"--logtostderr=true", "--alsologtostderr", "--stderrthreshold=2", "--log_dir=/x", "-v5"},
                            out, err),
            std::nullopt);
  EXPECT_EQ(log_options.verbosity, 5);
  EXPECT_EQ(log_flags.parse({"-v", "2"}, out, err), std::nullopt);
  EXPECT_EQ(log_options.verbosity, 2);
  EXPECT_EQ(log_flags.parse({"--v=3"}, out, err), std::nullopt);
  EXPECT_EQ(log_options.verbosity, 3);
}

TEST_F(CliFlagsTest, UnknownLogFormatHasTheOldText) {
  log_options.format = "xml";
  const auto applied = apply_log_options(log_options, "prog");
  ASSERT_FALSE(applied);
  EXPECT_EQ(
      applied.error().message,
      "unable to apply logging options, error: unknown logging format xml. Only \"text\" and \"json\" are supported");
}

}  // namespace
}  // namespace podid::base
