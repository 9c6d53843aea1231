// SPDX-License-Identifier: Apache-2.0
#include "sandbox/system_calls.hpp"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <string>
#include <system_error>

namespace podid::sandbox {
namespace {

// A name that this architecture does not have is a negative number, which libseccomp leaves out.
constexpr std::initializer_list<int> kAllowed{
    // Files: opened by path for reading, as Landlock lets; what is open is read and written.
    SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
    SCMP_SYS(dup),
    // Sockets. bind: netlink's.
    SCMP_SYS(connect), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(shutdown),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
    // Waiting.
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
    // Memory and threads.
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // What a process may ask about itself and the machine.
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrandom)};

// Where Landlock lets.
constexpr std::initializer_list<int> kFileWriting{
    SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync),     SCMP_SYS(fdatasync),
    SCMP_SYS(flock),    SCMP_SYS(rename),    SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),  SCMP_SYS(unlink),    SCMP_SYS(unlinkat),  SCMP_SYS(rmdir),     SCMP_SYS(chmod),
    SCMP_SYS(fchmod),   SCMP_SYS(fchmodat)};

// Rules on a call's arguments. The first that cannot be added stops all the others.
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release) {
    if (context_ == nullptr) {
      code_ = ENOMEM;
      return;
    }
    // no_new_privs is set by harden_process(); a tree instead of a list, for kernels that do not remember what is allowed.
    set(SCMP_FLTATR_CTL_NNP, 0);
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  }

  void allow(int call, std::initializer_list<scmp_arg_cmp> where = {}) { add(SCMP_ACT_ALLOW, call, where); }
  void answer(int call, std::uint16_t code) { add(SCMP_ACT_ERRNO(code), call, {}); }
  // 0, or what went wrong.
  int load() {
    if (code_ == 0) code_ = -seccomp_load(context_.get());
    return code_;
  }

 private:
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (code_ == 0) code_ = -seccomp_attr_set(context_.get(), attribute, value);
  }
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> where) {
    if (code_ != 0) return;
    code_ = -seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(where.size()), where.begin());
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int code_ = 0;
};

constexpr scmp_arg_cmp equal(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
// Of the bits in `mask` exactly those of `value` are set.
constexpr scmp_arg_cmp bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}
constexpr std::uint64_t kWord = 0xffff'ffff;  // the kernel looks at the lower half of an int

void allow_some_arguments(Filter& filter) {
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      filter.allow(SCMP_SYS(socket), {bits(0, kWord, family), bits(1, 0xf, type)});
    }
  }
  filter.allow(SCMP_SYS(socket), {bits(0, kWord, AF_NETLINK), bits(2, kWord, NETLINK_ROUTE)});
  // Threads of this process, no new one.
  filter.allow(SCMP_SYS(clone), {bits(0, CLONE_THREAD, CLONE_THREAD)});
  filter.answer(SCMP_SYS(clone3), ENOSYS);  // its flags are out of a filter's reach
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) filter.allow(call, {bits(2, PROT_EXEC, 0)});
  for (const unsigned what : {FIONBIO, FIONREAD}) filter.allow(SCMP_SYS(ioctl), {bits(1, kWord, what)});
  for (const int what : {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC}) {
    filter.allow(SCMP_SYS(fcntl), {bits(1, kWord, static_cast<std::uint64_t>(what))});
  }
  // Limits are read, and our own alone.
  filter.allow(SCMP_SYS(prlimit64), {bits(0, kWord, 0), equal(2, 0)});
  // abort()
  filter.allow(SCMP_SYS(tgkill), {bits(0, kWord, static_cast<std::uint64_t>(::getpid()))});
}

constexpr bool kSanitized =
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif

}  // namespace

base::Result<> allow_server_calls(FileCalls files) {
  if (kSanitized) return base::fail(base::ErrorKind::unsupported, "system calls: a sanitizer is built in");
  Filter filter;
  for (const int call : kAllowed) filter.allow(call);
  if (files == FileCalls::write) {
    for (const int call : kFileWriting) filter.allow(call);
  }
  allow_some_arguments(filter);
  const int code = filter.load();
  if (code == 0) return {};
  const bool absent = code == EINVAL || code == ENOSYS || code == EOPNOTSUPP;
  return base::fail(absent ? base::ErrorKind::unsupported : base::ErrorKind::internal,
                    "system calls: " + std::generic_category().message(code));
}

}  // namespace podid::sandbox
