// SPDX-License-Identifier: Apache-2.0
// The server as a process: this very program once more.
#pragma once
#include <sys/types.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/link/link_socket.hpp"

namespace podid::nmi {

// The name (first argument) by which the program knows that it is to be the server, and where it finds its link.
inline constexpr const char* kServerName = "nmi-server";
inline constexpr int kServerLink = 3;

// One executor. Where the object goes first, the process stays: it ends when its link is closed, or with us.
class ServerProcess {
 public:
  // `arguments` are the program's, without its name. By exec, not by fork alone: nothing that lies in our memory is in
  // its, and what lies where is another matter there. `unsupported`: it will never succeed here. To be called by the
  // main thread: while the server is of our user the kernel ends it with that thread; later it sees its link closed.
  static base::Result<std::unique_ptr<ServerProcess>> start(base::Executor executor,
                                                            const std::vector<std::string>& arguments, Descriptor link);

  pid_t pid() const { return pid_; }
  // Before ended() has returned. False: we may not, as it has become another user.
  bool kill();
  // Its status, as waitpid() gives it. Once.
  base::Task<int> ended();

 private:
  using Stream = base::asio::posix::basic_stream_descriptor<base::Executor>;
  ServerProcess(base::Executor executor, pid_t pid, int watch) : pid_(pid), watch_(executor, watch) {}

  pid_t pid_;
  Stream watch_;  // becomes readable at the process's end
};

}  // namespace podid::nmi
