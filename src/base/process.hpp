// SPDX-License-Identifier: Apache-2.0
// Runs another program (nft, iptables, ip) without blocking the event loop.
#pragma once
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::base {

struct ProcessResult {
  int exit_code = 0;  // 128 + signal number when a signal ended it
  std::string output;
  std::string error_output;
};

// Starts `arguments` (the first is looked up in PATH; no shell), gives it `input` as its standard input, collects at
// most 1 MiB of each output, and waits for its end. A program that cannot be started, or that is still running after
// `timeout` (it is then killed, with everything it started), is an error; a non-zero exit code is not. Processes that it
// leaves behind are not waited for, even where they hold its output open.
Task<Result<ProcessResult>> run_process(std::vector<std::string> arguments, std::string input, Duration timeout);

}  // namespace podid::base
