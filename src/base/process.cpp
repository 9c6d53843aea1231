// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/task_group.hpp"

extern char** environ;

namespace podid::base {
namespace {

using Stream = asio::posix::basic_stream_descriptor<Executor>;
constexpr std::size_t kMostOutput = 1 << 20;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
      read_end = ends[0];
      write_end = ends[1];
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  static int release(int& fd) { return std::exchange(fd, -1); }
};

// The program's standard input: a file in memory. Unlike a pipe it needs no writer, and no signal comes when the program
// ends without reading it.
int memory_file(std::string_view content) {
  const int file = ::memfd_create("input", MFD_CLOEXEC);
  while (file >= 0 && !content.empty()) {
    const ssize_t n = ::write(file, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (file >= 0 && (!content.empty() || ::lseek(file, 0, SEEK_SET) != 0)) {
    ::close(file);
    return -1;
  }
  return file;
}

Task<> collect(Stream& stream, std::string& into) {
  std::array<char, 4096> chunk{};
  while (true) {
    const auto [error, n] = co_await stream.async_read_some(asio::buffer(chunk), as_result);
    if (error) co_return;
    if (into.size() < kMostOutput) into.append(chunk.data(), std::min(n, kMostOutput - into.size()));
  }
}

// What is already in the pipe. The program has ended, so nothing of its own is still to come; a process that it left
// behind may hold the pipe open and write on, which must not keep us.
void drain(Stream& stream, std::string& into) {
  boost::system::error_code error;
  stream.non_blocking(true, error);
  std::array<char, 4096> chunk{};
  while (!error && into.size() < kMostOutput) {
    const std::size_t n = stream.read_some(asio::buffer(chunk), error);
    into.append(chunk.data(), std::min(n, kMostOutput - into.size()));
  }
}

// Ends the program and what it started. Safe until waitpid: the id is not used again before.
void kill_group(pid_t pid) { ::kill(-pid, SIGKILL); }

Task<> kill_after(pid_t pid, Duration timeout, bool& timed_out) {
  const Executor executor = co_await asio::this_coro::executor;
  SteadyTimer timer(executor, std::chrono::steady_clock::now() + timeout);
  co_await timer.async_wait(use_task);
  timed_out = true;
  kill_group(pid);
}

Result<pid_t> start(const std::vector<std::string>& arguments, int input, const Pipe& out, const Pipe& err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write_end, 2);
  // A process group of its own, so that all of it can be killed; no signal blocked or ignored that we may block or ignore.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return fail(code == ENOENT ? ErrorKind::not_found : ErrorKind::internal,
                "cannot run " + arguments[0] + ": " + std::generic_category().message(code));
  }
  return pid;
}

// Its status. Called when it has ended or was just killed.
int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Task<Result<ProcessResult>> run_process(std::vector<std::string> arguments, std::string input, Duration timeout) {
  const Executor executor = co_await asio::this_coro::executor;
  Pipe out;
  Pipe err;
  int input_file = memory_file(input);
  if (input_file < 0 || out.read_end < 0 || err.read_end < 0) {
    Pipe::close_end(input_file);
    co_return fail(ErrorKind::internal, "cannot run " + arguments[0] + ": no descriptors for its input and output");
  }
  const auto pid = start(arguments, input_file, out, err);
  Pipe::close_end(input_file);
  if (!pid) co_return std::unexpected(pid.error());
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  Stream output_stream(executor, Pipe::release(out.read_end));
  Stream error_stream(executor, Pipe::release(err.read_end));
  // The descriptor becomes readable when the program ends.
  const int exit_descriptor = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
  if (exit_descriptor < 0) {
    kill_group(*pid);
    wait_for(*pid);
    co_return fail(ErrorKind::internal, "cannot watch " + arguments[0] + ": pidfd_open failed");
  }
  Stream exit_stream(executor, exit_descriptor);

  ProcessResult result;
  bool timed_out = false;
  TaskGroup pumps(executor);
  pumps.spawn("process output", collect(output_stream, result.output));
  pumps.spawn("process errors", collect(error_stream, result.error_output));
  TaskGroup watchdog(executor);
  watchdog.spawn("process timeout", kill_after(*pid, timeout, timed_out));
  const auto [wait_error] = co_await exit_stream.async_wait(Stream::wait_read, as_result);
  if (wait_error) kill_group(*pid);
  const int status = wait_for(*pid);
  co_await asio::this_coro::reset_cancellation_state();
  watchdog.stop();
  co_await watchdog.join();
  pumps.stop();
  co_await pumps.join();
  if (wait_error) co_return fail(ErrorKind::cancelled, arguments[0] + " was cancelled");
  if (timed_out) co_return fail(ErrorKind::timeout, arguments[0] + " did not end in time and was killed");
  drain(output_stream, result.output);
  drain(error_stream, result.error_output);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  co_return result;
}

}  // namespace podid::base
