// SPDX-License-Identifier: Apache-2.0
#include "sandbox/system_calls.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <netdb.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdlib>
#include <thread>

#include "sandbox/process.hpp"
#include "support/in_child.hpp"

namespace podid::sandbox {
namespace {

// Empty, or why the filter is not there.
std::string filtered() {
  const base::Result<> hardened = harden_process();
  if (!hardened) return hardened.error().message;
  const base::Result<> done = allow_server_calls();
  return done ? "" : done.error().message;
}

class SystemCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const bool there = test::in_child([] {
                         const base::Result<> hardened = harden_process();
                         const base::Result<> done = allow_server_calls();
                         return !done && done.error().kind == base::ErrorKind::unsupported ? "unsupported" : "";
                       }).empty();
    if (!there) GTEST_SKIP() << "no filter here: the kernel's, or a sanitizer is built in";
  }
};

std::string echo_of_itself() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener, 1) != 0) return "no listener";
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  const std::string wrong = filtered();
  if (!wrong.empty()) return wrong;
  std::string got;
  std::thread client([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::write(fd, "hello", 5) != 5) return;
    ::close(fd);
  });
  const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  char text[16];
  for (ssize_t n = 0; (n = ::read(peer, text, sizeof text)) > 0;) got.append(text, static_cast<std::size_t>(n));
  client.join();
  return got == "hello" ? "" : "nothing came over the connection";
}

TEST_F(SystemCallsTest, ThreadsAndConnectionsWork) { EXPECT_EQ(test::in_child(echo_of_itself), ""); }

TEST_F(SystemCallsTest, NamesAreResolvedAndRoutesAsked) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              const std::string wrong = filtered();
              if (!wrong.empty()) return wrong;
              addrinfo* found = nullptr;
              if (::getaddrinfo("localhost", "80", nullptr, &found) != 0) return "localhost has no address";
              ::freeaddrinfo(found);
              const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
              sockaddr_nl local{};
              local.nl_family = AF_NETLINK;
              const bool bound = ::bind(netlink, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0;
              return bound ? "" : "no netlink socket for links";
            }),
            "");
}

TEST_F(SystemCallsTest, AProcessOfItsOwnEndsWithAbort) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              const std::string wrong = filtered();
              if (!wrong.empty()) return wrong;
              std::abort();
            }),
            "ended by signal " + std::to_string(SIGABRT));
}

struct Forbidden {
  const char* what;
  long (*call)();
};

long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  return ::syscall(number, a, b, c, d, e);
}
long address_of(const void* pointer) { return reinterpret_cast<long>(pointer); }

const Forbidden kForbidden[] = {
    {"exec",
     [] {
       const char* arguments[] = {"true", nullptr};
       return system_call(SYS_execve, address_of("/bin/true"), address_of(arguments));
     }},
    {"fork", [] { return system_call(SYS_clone, SIGCHLD); }},
    {"ptrace", [] { return system_call(SYS_ptrace, PTRACE_TRACEME); }},
    {"mount", [] { return static_cast<long>(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }},
    {"unshare", [] { return static_cast<long>(::unshare(CLONE_NEWUSER)); }},
    {"setns", [] { return static_cast<long>(::setns(0, 0)); }},
    {"io_uring", [] { return system_call(SYS_io_uring_setup, 1); }},
    {"bpf", [] { return system_call(SYS_bpf, 0); }},
    {"perf_event_open", [] { return system_call(SYS_perf_event_open); }},
    {"userfaultfd", [] { return system_call(SYS_userfaultfd); }},
    {"keyctl", [] { return system_call(SYS_keyctl, 0); }},
    {"seccomp", [] { return system_call(SYS_seccomp, 0); }},
    {"prctl", [] { return static_cast<long>(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
    {"setuid", [] { return system_call(SYS_setuid, 0); }},
    {"memfd_create", [] { return static_cast<long>(::memfd_create("code", MFD_CLOEXEC)); }},
    {"packet socket", [] { return static_cast<long>(::socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"raw socket", [] { return static_cast<long>(::socket(AF_INET, SOCK_RAW, IPPROTO_TCP)); }},
    {"unix socket", [] { return static_cast<long>(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"kernel crypto socket", [] { return static_cast<long>(::socket(AF_ALG, SOCK_SEQPACKET, 0)); }},
    {"netfilter socket", [] { return static_cast<long>(::socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)); }},
    {"listen", [] { return static_cast<long>(::listen(0, 1)); }},
    {"kill", [] { return static_cast<long>(::kill(::getppid(), 0)); }},
    {"tgkill", [] { return system_call(SYS_tgkill, ::getppid(), ::getppid(), 0); }},
    {"pidfd_open", [] { return system_call(SYS_pidfd_open, ::getppid()); }},
    {"process_vm_readv",
     [] {
       char byte = 0;
       const iovec here{&byte, 1};
       return static_cast<long>(::process_vm_readv(::getppid(), &here, 1, &here, 1, 0));
     }},
    {"limits of another",
     [] {
       rlimit limit{};
       return static_cast<long>(::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &limit));
     }},
    {"limits of its own",
     [] {
       const rlimit limit{.rlim_cur = 10, .rlim_max = 10};
       return static_cast<long>(::setrlimit(RLIMIT_NOFILE, &limit));
     }},
    {"memory for code",
     [] {
       const void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return page == MAP_FAILED ? -1L : 0L;
     }},
    {"memory made code",
     [] {
       void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return static_cast<long>(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
     }},
    {"chmod", [] { return system_call(SYS_fchmodat, AT_FDCWD, address_of("/etc/hosts"), 0600); }},
    {"unlink", [] { return system_call(SYS_unlinkat, AT_FDCWD, address_of("/nothing")); }},
};

TEST_F(SystemCallsTest, EverythingElseIsRefused) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              std::string wrong = filtered();
              if (!wrong.empty()) return wrong;
              for (const Forbidden& each : kForbidden) {
                errno = 0;
                if (each.call() != -1 || errno != EPERM) wrong += std::string(each.what) + "; ";
              }
              return wrong;
            }),
            "");
}

// Most of the above work without the filter: else the test would show nothing.
TEST_F(SystemCallsTest, WithoutTheFilterManyOfThemWork) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              std::string wrong;
              for (const Forbidden& each : kForbidden) {
                const std::string_view what = each.what;
                if (what != "kill" && what != "memory for code" && what != "memory made code" &&
                    what != "unix socket" && what != "memfd_create" && what != "prctl")
                  continue;
                if (each.call() == -1) wrong += std::string(each.what) + "; ";
              }
              return wrong;
            }),
            "");
}

}  // namespace
}  // namespace podid::sandbox
