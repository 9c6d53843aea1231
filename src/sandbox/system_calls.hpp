// SPDX-License-Identifier: Apache-2.0
// Which system calls this process may make (seccomp).
#pragma once
#include "base/error.hpp"

namespace podid::sandbox {

// From now on, for good: what a server of ours needs that has its listeners open. Files are opened and read; TCP, UDP and
// the kernel's routing news (netlink) are the only sockets; threads are made, but no processes; no memory becomes code.
// Everything else answers EPERM (clone3: ENOSYS, so that the C library makes threads with clone); a call of another
// architecture ends the process. Before any thread is made, after harden_process(). `unsupported`: the kernel has no such
// filters, or a sanitizer is built in, which needs more.
// `files`: those that write, make, rename, lock and remove files are allowed as well.
enum class FileCalls : bool { read, write };
base::Result<> allow_server_calls(FileCalls files = FileCalls::read);

}  // namespace podid::sandbox
