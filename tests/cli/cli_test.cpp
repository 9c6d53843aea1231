// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "support/temporary_folder.hpp"

namespace podid::cli {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome podid(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run(arguments, {.out = out, .err = err, .program = "/bin/podid", .deploy_directory = "/deploy"});
  return {status, out.str(), err.str()};
}

TEST(Cli, HelpListsVerbsOnStandardOutput) {
  const Outcome help = podid({"lab", "--help"});
  EXPECT_EQ(help.status, kOk);
  for (const char* verb : {"up", "down", "status", "exec", "pod", "stop", "start"}) {
    EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
  }
  // What only `up` starts is not for people.
  EXPECT_EQ(help.out.find("serve-"), std::string::npos) << help.out;
}

TEST(Cli, WrongUsageNamesTheWordAndIsStatus2) {
  const Outcome unknown = podid({"lab", "up", "--nodse", "3"});
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_NE(unknown.err.find("--nodse"), std::string::npos) << unknown.err;
  EXPECT_EQ(podid({}).status, kUsage);
  EXPECT_EQ(podid({"lab", "up", "--control-plane", "imaginary"}).status, kUsage);
  EXPECT_EQ(podid({"lab", "up", "--name", "No-Good"}).status, kUsage);
}

TEST(Cli, VerbsWithoutALabSayHowToStartOne) {
  const test::TemporaryFolder folder;
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"status"}, {"pod", "add", "web"}, {"exec", "web", "--", "true"}, {"stop", "azure"}, {"start", "azure"}}) {
    std::vector<std::string> arguments{"lab", "--dir", folder.path()};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    const Outcome outcome = podid(arguments);
    EXPECT_EQ(outcome.status, kFailed) << verb[0];
    EXPECT_NE(outcome.err.find("podid lab up"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace podid::cli
