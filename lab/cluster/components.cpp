// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/components.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/file.hpp"
#include "base/text.hpp"
#include "lab/cluster/namespaces.hpp"

namespace podid::lab::cluster {
namespace {

// What /proc/<pid>/stat says of a process that has not ended.
struct Process {
  pid_t group = 0;
  unsigned long long started = 0;  // clock ticks since boot
};

std::optional<Process> find_process(std::string_view pid) {
  const auto stat = base::read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  const auto name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = base::split(std::string_view(*stat).substr(name_end + 2), ' ');
  constexpr std::size_t kState = 0, kGroup = 2, kStartTime = 19;  // counted from the state, field 3
  if (fields.size() <= kStartTime || fields[kState] == "Z") return std::nullopt;
  return Process{.group = base::parse_number<pid_t>(fields[kGroup]).value_or(0),
                 .started = base::parse_number<unsigned long long>(fields[kStartTime]).value_or(0)};
}

// 0 when there is none.
unsigned long long start_time(pid_t pid) {
  const std::optional<Process> process = find_process(std::to_string(pid));
  return process ? process->started : 0;
}

bool has_process_of(pid_t group) {
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (!base::parse_number<pid_t>(name)) continue;
    const std::optional<Process> process = find_process(name);
    if (process && process->group == group) return true;
  }
  return false;
}

// In the child, before exec. Only an exit code can tell of a failure here, so the reason goes to the log
// file.
[[noreturn]] void become(const Layout& layout, const Component& component, int log_fd) {
  ::setsid();
  const int null_fd = ::open("/dev/null", O_RDONLY);
  ::dup2(null_fd, 0);
  ::dup2(log_fd, 1);
  ::dup2(log_fd, 2);
  if (!component.network_namespace.empty()) {
    const auto entered = enter_namespace(layout, component.network_namespace);
    if (!entered) {
      ::dprintf(2, "%s\n", entered.error().message.c_str());
      ::_exit(126);
    }
  }
  for (const auto& [name, value] : component.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& argument : component.command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::dprintf(2, "cannot run %s: %s\n", argv[0], std::generic_category().message(errno).c_str());
  ::_exit(127);
}

}  // namespace

base::Result<> start_component(const Layout& layout, Component& component) {
  const std::string log = layout.file("logs/" + component.name + ".log");
  std::error_code ignored;
  std::filesystem::create_directories(layout.file("logs"), ignored);
  const int log_fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) return base::fail(base::ErrorKind::internal, "cannot write " + log);
  const pid_t pid = ::fork();
  if (pid == 0) become(layout, component, log_fd);
  ::close(log_fd);
  if (pid < 0) return base::fail(base::ErrorKind::internal, "cannot start " + component.name + ": no more processes");
  component.pid = pid;
  component.started = start_time(pid);
  return {};
}

bool is_running(const Component& component) {
  if (component.pid == 0) return false;
  int status = 0;
  ::waitpid(component.pid, &status, WNOHANG);  // reaps it when this very process started it
  return component.started != 0 && start_time(component.pid) == component.started;
}

base::Task<base::Result<>> stop_component(Component& component, int signal, std::chrono::seconds patience) {
  if (!is_running(component)) {
    component.pid = 0;
    co_return base::Result<>{};
  }
  const base::Executor executor = co_await base::asio::this_coro::executor;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, component.pid, 0));
  if (pidfd < 0) co_return base::fail(base::ErrorKind::internal, "cannot watch process of " + component.name);
  base::asio::posix::basic_stream_descriptor<base::Executor> ended(executor, pidfd);
  ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
  base::SteadyTimer timer(executor, patience);
  timer.async_wait([pidfd](boost::system::error_code error) {
    if (!error) ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  });
  const auto [error] = co_await ended.async_wait(decltype(ended)::wait_read, base::as_result);
  static_cast<void>(is_running(component));  // reap
  // As with a container: when its first process ends all others are killed, and it has ended when they have. The NMI is
  // two, which hold its ports.
  constexpr std::chrono::milliseconds kLook{2};
  ::kill(-component.pid, SIGKILL);
  for (auto looks = patience / kLook; !error && looks > 0 && has_process_of(component.pid); --looks) {
    timer.expires_after(kLook);
    const auto [cancelled] = co_await timer.async_wait(base::as_result);
    if (cancelled) break;
  }
  timer.cancel();
  component.pid = 0;
  if (error) co_return base::fail(base::ErrorKind::cancelled, "stopping " + component.name + " was cancelled");
  co_return base::Result<>{};
}

}  // namespace podid::lab::cluster
