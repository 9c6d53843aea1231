// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <filesystem>
#include <iostream>

#include "lab/cli/cli.hpp"

int main(int argc, char** argv) {
  // A peer that closes its connection is an error value, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error);
  const podid::lab::cli::Environment environment{
      .out = std::cout, .err = std::cerr, .program = program, .deploy_directory = PODID_DEPLOY_DIRECTORY};
  return podid::lab::cli::run({argv + 1, argv + argc}, environment);
}
