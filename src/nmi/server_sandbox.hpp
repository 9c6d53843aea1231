// SPDX-License-Identifier: Apache-2.0
// What the server gives up before it takes anything from the network (SEC-20).
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::nmi {

// Owner and group of nothing: the numbers that images without root use.
inline constexpr uid_t kServerUser = 65532;

struct ServerSandboxOptions {
  pid_t keeper = 0;                                // we end with it
  std::string token_file;                          // empty: none; its folder stays readable
  std::vector<std::string> writable_folders = {};  // of the audit log
  unsigned threads = 0;                            // that will be made, about: their stacks count as memory
  std::string memory_limit_file = "/sys/fs/cgroup/memory.max";  // of the container
};

// A value of the metric's label `measure`, and whether it was possible here.
struct Measure {
  std::string_view name;
  base::Result<> outcome;
};

// Irrevocably, before any thread is made and with all ports and files open: another user (where we are uid 0 and may),
// no capability, no new privileges, no access by others, memory below the container's limit, few system calls, few files.
// What the kernel or the container does not allow is left out. An error: the keeper is not there any more.
base::Result<std::vector<Measure>> enter_server_sandbox(const ServerSandboxOptions& options);

}  // namespace podid::nmi
