// SPDX-License-Identifier: Apache-2.0
// What a process gives up it never gets back: such a test is made in a child.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>

namespace podid::test {

// Runs `body` in a child of this (single-threaded) process and returns what it found wrong, in its own words; empty:
// nothing. A child that a signal ends says so.
inline std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string wrong = body();
    const bool written = ::write(pipe[1], wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string wrong;
  std::array<char, 4096> chunk{};
  for (ssize_t n = 0; (n = ::read(pipe[0], chunk.data(), chunk.size())) > 0;) {
    wrong.append(chunk.data(), static_cast<std::size_t>(n));
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) wrong += "ended by signal " + std::to_string(WTERMSIG(status));
  return wrong;
}

}  // namespace podid::test
