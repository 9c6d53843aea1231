// SPDX-License-Identifier: Apache-2.0
// With real processes, in the machine's own network namespace (no root needed).
#include "lab/cluster/components.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/file.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::cluster {
namespace {

class ComponentsTest : public ::testing::Test {
 protected:
  Component make(std::vector<std::string> command) {
    Component component;
    component.name = "program";
    component.command = std::move(command);
    return component;
  }
  void stop(Component& component, int signal, std::chrono::seconds patience) {
    base::asio::io_context io(1);
    const auto stopped = test::run_task(io, stop_component(component, signal, patience));
    ASSERT_TRUE(stopped) << stopped.error().message;
    EXPECT_FALSE(is_running(component));
  }

  test::TemporaryFolder folder_;
  Layout layout_ = *make_layout("lab", folder_.path(), 1);
};

TEST_F(ComponentsTest, RunUntilStoppedAndNotTwice) {
  Component sleeper = make({"sleep", "600"});
  ASSERT_TRUE(start_component(layout_, sleeper));
  EXPECT_TRUE(is_running(sleeper));
  stop(sleeper, SIGTERM, std::chrono::seconds(60));
  stop(sleeper, SIGTERM, std::chrono::seconds(60));
}

TEST_F(ComponentsTest, OneThatIgnoresTheSignalIsKilled) {
  // Says that it ignores the signal before the test sends it.
  Component stubborn = make({"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done"});
  ASSERT_TRUE(start_component(layout_, stubborn));
  while (base::read_file(layout_.file("logs/program.log")).value_or("") != "ready\n") {
    ASSERT_TRUE(is_running(stubborn));
  }
  stop(stubborn, SIGTERM, std::chrono::seconds(1));
}

TEST_F(ComponentsTest, WhatItHasStartedEndsWithIt) {
  Component parent = make({"sh", "-c", "sleep 600 & echo $!; wait"});
  ASSERT_TRUE(start_component(layout_, parent));
  std::string child;
  while (!child.ends_with("\n")) {
    ASSERT_TRUE(is_running(parent));
    child = base::read_file(layout_.file("logs/program.log")).value_or("");
  }
  child.pop_back();
  stop(parent, SIGTERM, std::chrono::seconds(60));
  const std::string stat = base::read_file("/proc/" + child + "/stat").value_or("");
  EXPECT_TRUE(stat.empty() || stat.contains(") Z ")) << stat;
}

TEST_F(ComponentsTest, RecycledPidIsNotTheProgram) {
  Component sleeper = make({"sleep", "600"});
  ASSERT_TRUE(start_component(layout_, sleeper));
  Component recycled = sleeper;
  recycled.started += 1;
  EXPECT_FALSE(is_running(recycled));
  EXPECT_TRUE(is_running(sleeper));
  stop(sleeper, SIGKILL, std::chrono::seconds(60));
}

TEST_F(ComponentsTest, OneThatCannotRunSaysWhyInItsLog) {
  Component missing = make({"/nowhere/program"});
  ASSERT_TRUE(start_component(layout_, missing));
  while (is_running(missing)) {
  }
  EXPECT_NE(base::read_file(layout_.file("logs/program.log")).value_or("").find("cannot run /nowhere/program"),
            std::string::npos);
}

}  // namespace
}  // namespace podid::lab::cluster
