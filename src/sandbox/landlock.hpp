// SPDX-License-Identifier: Apache-2.0
// What this process may reach of the file system (Landlock).
#pragma once
#include <string>
#include <vector>

#include "base/error.hpp"

namespace podid::sandbox {

// From now on, for good: reads what lies at or below `readable`; reads, writes, makes, renames and removes files and folders
// below the folders `writable`; and nothing else, runs nothing. What is open stays open, whatever it is. Paths that do not exist are left out; one that is replaced later by
// another file of its name is not reachable any more, what appears below a folder is. Where the kernel can: no port is
// opened for listening (4.0, Linux 6.7), no process outside gets a signal and no abstract socket of one is reached
// (6.0, Linux 6.12). Before any thread is made, after harden_process(). `unsupported`: the kernel has no Landlock.
base::Result<> restrict_files(const std::vector<std::string>& readable, const std::vector<std::string>& writable = {});

}  // namespace podid::sandbox
