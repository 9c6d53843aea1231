// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/cli.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "support/temporary_folder.hpp"

namespace podid::lab::cli {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome podid_lab(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status =
      run(arguments, {.out = out, .err = err, .program = "/bin/podid-lab", .deploy_directory = "/deploy"});
  return {status, out.str(), err.str()};
}

TEST(LabCli, HelpListsVerbsOnStandardOutput) {
  const Outcome help = podid_lab({"--help"});
  EXPECT_EQ(help.status, kOk);
  for (const char* verb : {"up", "down", "status", "exec", "pod", "stop", "start"}) {
    EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
  }
  // What only `up` starts is not for people.
  EXPECT_EQ(help.out.find("serve-"), std::string::npos) << help.out;
}

TEST(LabCli, WrongUsageNamesTheWordAndIsStatus2) {
  const Outcome unknown = podid_lab({"up", "--nodse", "3"});
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_NE(unknown.err.find("--nodse"), std::string::npos) << unknown.err;
  EXPECT_EQ(podid_lab({}).status, kUsage);
  EXPECT_EQ(podid_lab({"up", "--control-plane", "imaginary"}).status, kUsage);
  EXPECT_EQ(podid_lab({"up", "--name", "No-Good"}).status, kUsage);
}

TEST(LabCli, VerbsWithoutALabSayHowToStartOne) {
  const test::TemporaryFolder folder;
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"status"}, {"pod", "add", "web"}, {"exec", "web", "--", "true"}, {"stop", "azure"}, {"start", "azure"}}) {
    std::vector<std::string> arguments{"--dir", folder.path()};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    const Outcome outcome = podid_lab(arguments);
    EXPECT_EQ(outcome.status, kFailed) << verb[0];
    EXPECT_NE(outcome.err.find("podid lab up"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace podid::lab::cli
