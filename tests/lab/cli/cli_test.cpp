// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/cli.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "base/file.hpp"
#include "base/time_text.hpp"
#include "lab/clock/clock_file.hpp"
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
  for (const char* verb : {"up", "down", "status", "exec", "pod", "stop", "start", "clock"}) {
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
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{{"status"},
                                                                                    {"pod", "add", "web"},
                                                                                    {"exec", "web", "--", "true"},
                                                                                    {"stop", "azure"},
                                                                                    {"start", "azure"},
                                                                                    {"clock"}}) {
    std::vector<std::string> arguments{"--dir", folder.path()};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    const Outcome outcome = podid_lab(arguments);
    EXPECT_EQ(outcome.status, kFailed) << verb[0];
    EXPECT_NE(outcome.err.find("podid lab up"), std::string::npos) << outcome.err;
  }
}

// The state of a lab that was brought up with this control plane; nothing of it runs.
void leave_lab(const test::TemporaryFolder& folder, const std::string& control_plane) {
  ASSERT_TRUE(base::write_file(
      folder.path() + "/lab.json",
      R"({"name": "lab", "nodes": 1, "components": [], "controlPlane": ")" + control_plane + R"("})", 0600));
}

TEST(LabCli, ClockIsShownDrivenAndReset) {
  const test::TemporaryFolder folder;
  leave_lab(folder, "embedded");
  ASSERT_TRUE(clock::create(folder.path() + "/clock"));
  EXPECT_EQ(podid_lab({"clock", "--dir", folder.path()}).out.find("ahead"), std::string::npos);
  const Outcome moved = podid_lab({"clock", "--dir", folder.path(), "+2h"});
  EXPECT_EQ(moved.status, kOk) << moved.err;
  EXPECT_NE(moved.out.find("(2h0m0s ahead of the machine's)"), std::string::npos) << moved.out;
  const std::string day = base::format_rfc3339(base::RealClock().wall_now() - std::chrono::hours(24 * 9)).substr(0, 10);
  const Outcome set = podid_lab({"clock", "--dir", folder.path(), "set", day + "T12:00:00Z"});
  EXPECT_EQ(set.out.find(day + "T12:0"), 0) << set.out << set.err;
  EXPECT_NE(set.out.find("behind the machine's"), std::string::npos) << set.out;
  EXPECT_EQ(podid_lab({"clock", "--dir", folder.path(), "reset"}).status, kOk);
  EXPECT_EQ(clock::offset(folder.path() + "/clock").value(), base::Duration::zero());
  EXPECT_EQ(podid_lab({"clock", "--dir", folder.path(), "yesterday"}).status, kUsage);
}

TEST(LabCli, ClockOfARealControlPlaneCannotBeDriven) {
  const test::TemporaryFolder folder;
  leave_lab(folder, "real");
  const Outcome outcome = podid_lab({"clock", "--dir", folder.path(), "+2h"});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_NE(outcome.err.find("--control-plane embedded"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace podid::lab::cli
