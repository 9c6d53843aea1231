// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::cli {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome podid(const std::vector<std::string>& arguments, std::string program = "/nowhere/podid") {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run(arguments, {.out = out, .err = err, .program = std::move(program)});
  return {status, out.str(), err.str()};
}

TEST(Cli, HelpListsVerbsOnStandardOutput) {
  const Outcome help = podid({"--help"});
  EXPECT_EQ(help.status, kOk);
  for (const char* verb : {"explain", "lab"}) EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
}

TEST(Cli, WrongUsageNamesTheWordAndIsStatus2) {
  const Outcome unknown = podid({"explain", "pod", "web", "--nodse"});
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_NE(unknown.err.find("--nodse"), std::string::npos) << unknown.err;
  EXPECT_EQ(podid({}).status, kUsage);
}

// A child, since a verb that succeeds becomes the other program.
int status_of_child(const std::vector<std::string>& arguments, const std::string& program, const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("PATH", path.c_str(), 1);
    ::_exit(podid(arguments, program).status);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void write_program(const std::string& path, const std::string& text) {
  std::ofstream(path) << "#!/bin/sh\n" << text;
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
}

TEST(Cli, LabRunsTheProgramBesideItWithEveryWord) {
  const test::TemporaryFolder folder;
  write_program(folder.path() + "/podid-lab", "echo \"$*\" >" + folder.path() + "/words; exit 7");
  EXPECT_EQ(status_of_child({"lab", "exec", "web", "--", "curl", "--help"}, folder.path() + "/podid", "/nowhere"), 7);
  EXPECT_EQ(base::read_file(folder.path() + "/words").value_or(""), "exec web -- curl --help\n");
  EXPECT_EQ(status_of_child({"lab", "--help"}, folder.path() + "/podid", "/nowhere"), 7);
  EXPECT_EQ(base::read_file(folder.path() + "/words").value_or(""), "--help\n");
}

TEST(Cli, LabRunsTheProgramOnThePathWhereNoneIsBesideIt) {
  const test::TemporaryFolder folder;
  write_program(folder.path() + "/podid-lab", "exit 8");
  EXPECT_EQ(status_of_child({"lab", "status"}, "/nowhere/podid", folder.path()), 8);
}

TEST(Cli, LabWithoutTheProgramSaysWhatToInstall) {
  const char* path = std::getenv("PATH");
  const std::string before = path ? path : "";
  ::setenv("PATH", "/nowhere", 1);
  const Outcome outcome = podid({"lab", "up"});
  ::setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(outcome.status, kFailed);
  for (const char* word : {"podid-lab", "/nowhere/", "PATH", "./dev build"}) {
    EXPECT_NE(outcome.err.find(word), std::string::npos) << word << " in " << outcome.err;
  }
}

}  // namespace
}  // namespace podid::cli
