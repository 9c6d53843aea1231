// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
  for (const char* verb : {"explain", "grant", "lab", "status", "who-can", "version", "completion"})
    EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
}

TEST(Cli, WrongUsageNamesTheWordAndIsStatus2) {
  const Outcome unknown = podid({"explain", "pod", "web", "--nodse"});
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_NE(unknown.err.find("--nodse"), std::string::npos) << unknown.err;
  EXPECT_EQ(podid({}).status, kUsage);
}

TEST(Cli, AMisspeltVerbIsGuessed) {
  EXPECT_EQ(podid({"exlpain", "pod", "web"}).err,
            "podid: no verb \"exlpain\": did you mean \"podid explain\"? (see podid --help)\n");
  const Outcome grant = podid({"grant", "aprove", "x"});
  EXPECT_EQ(grant.status, kUsage);
  EXPECT_EQ(grant.err, "podid: no verb \"aprove\": did you mean \"podid grant approve\"? (see podid grant --help)\n");
  EXPECT_EQ(podid({"bake"}).err, "podid: no verb \"bake\" (see podid --help)\n");
}

TEST(Cli, UsageErrorsAreOneLine) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {}, {"grant"}, {"grant", "request", "b"}, {"explain", "pod", "web", "-o", "xml"}, {"version", "--nope"}}) {
    const Outcome outcome = podid(words);
    EXPECT_EQ(outcome.status, kUsage);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

TEST(Cli, EveryVerbShowsExamples) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"explain", "pod"},
                                                                 {"grant", "request"},
                                                                 {"grant", "approve"},
                                                                 {"grant", "deny"},
                                                                 {"grant", "list"},
                                                                 {"grant", "revoke"},
                                                                 {"status"},
                                                                 {"who-can"},
                                                                 {"usage"},
                                                                 {"version"},
                                                                 {"completion"}}) {
    std::vector<std::string> help = words;
    help.emplace_back("--help");
    const Outcome outcome = podid(help);
    EXPECT_EQ(outcome.status, kOk);
    EXPECT_NE(outcome.out.find("Example"), std::string::npos) << outcome.out;
  }
}

TEST(Cli, CompletionScriptsAskTheProgram) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_NE(podid({"completion", shell}).out.find("__complete"), std::string::npos) << shell;
  }
  EXPECT_EQ(podid({"completion", "tcsh"}).status, kUsage);
  EXPECT_EQ(podid({"__complete", "gr"}).out, "grant\n");
  EXPECT_EQ(podid({"__complete", "grant", ""}).out, "approve\ndeny\nlist\nrequest\nrevoke\n");
  EXPECT_EQ(podid({"__complete", "grant", "approve", "--c"}).out, "--can-i\n--comment\n--context\n");
}

TEST(Cli, VersionOfTheProgramNeedsNoCluster) {
  const Outcome outcome = podid({"version", "--client", "-o", "json"});
  EXPECT_EQ(outcome.status, kOk);
  EXPECT_NE(outcome.out.find("\"schema\":\"podid.version/v1\""), std::string::npos) << outcome.out;
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
