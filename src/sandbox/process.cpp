// SPDX-License-Identifier: Apache-2.0
#include "sandbox/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>

namespace podid::sandbox {
namespace {

std::unexpected<base::Error> fail_errno(const std::string& what) {
  return base::fail(base::ErrorKind::internal, what + ": " + std::generic_category().message(errno));
}

}  // namespace

base::Result<> harden_process() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no_new_privs");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("not dumpable");
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail_errno("no core files");
  return {};
}

base::Result<> end_with_parent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno("end with the parent");
  // It may have ended before.
  if (::getppid() != parent) return base::fail(base::ErrorKind::gone, "the parent process has ended");
  return {};
}

base::Result<> limit_data(std::uint64_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return fail_errno("memory limit");
  if (bytes > limit.rlim_max) return {};
  limit.rlim_cur = limit.rlim_max = bytes;
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return fail_errno("memory limit");
  return {};
}

}  // namespace podid::sandbox
