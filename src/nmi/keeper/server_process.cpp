// SPDX-License-Identifier: Apache-2.0
#include "nmi/keeper/server_process.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

extern char** environ;

namespace podid::nmi {
namespace {

base::Result<pid_t> spawn(std::vector<char*> argv, int link) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, link, kServerLink);
  posix_spawn_file_actions_addclosefrom_np(&actions, kServerLink + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int code = ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return base::fail(base::ErrorKind::internal, std::generic_category().message(code));
  return pid;
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

base::Result<std::unique_ptr<ServerProcess>> ServerProcess::start(base::Executor executor,
                                                                  const std::vector<std::string>& arguments,
                                                                  Descriptor link) {
  std::vector<char*> argv{const_cast<char*>(kServerName)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const base::Result<pid_t> pid = spawn(std::move(argv), link.get());
  if (!pid) return base::fail(pid.error(), "cannot start the server");
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
  if (watch < 0) {
    const int code = errno;
    // Not without knowing when it ends. It has hardly begun and is still of our user, so that we may.
    if (::kill(*pid, SIGKILL) == 0) static_cast<void>(wait_for(*pid));
    const bool never = code == ENOSYS || code == EPERM;
    return base::fail(never ? base::ErrorKind::unsupported : base::ErrorKind::internal,
                      "cannot watch the server: pidfd_open: " + std::generic_category().message(code));
  }
  return std::unique_ptr<ServerProcess>(new ServerProcess(executor, *pid, watch));
}

bool ServerProcess::kill() { return ::kill(pid_, SIGKILL) == 0; }

base::Task<int> ServerProcess::ended() {
  const auto [error] = co_await watch_.async_wait(Stream::wait_read, base::as_result);
  if (error) throw boost::system::system_error(error);  // cancelled: we are being stopped
  co_return wait_for(pid_);
}

}  // namespace podid::nmi
