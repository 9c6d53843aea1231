// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/write.hpp>
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

Task<> feed(Stream& stream, const std::string& input) {
  const auto [error, written] = co_await asio::async_write(stream, asio::buffer(input), as_result);
  static_cast<void>(written);
  static_cast<void>(error);  // the program may close its input early; its exit code tells what matters
  stream.close();
}

Task<> collect(Stream& stream, std::string& into) {
  std::array<char, 4096> chunk{};
  while (true) {
    const auto [error, n] = co_await stream.async_read_some(asio::buffer(chunk), as_result);
    if (error) co_return;
    if (into.size() < kMostOutput) into.append(chunk.data(), std::min(n, kMostOutput - into.size()));
  }
}

Task<> kill_after(int pidfd, Duration timeout, bool& timed_out) {
  const Executor executor = co_await asio::this_coro::executor;
  SteadyTimer timer(executor, std::chrono::steady_clock::now() + timeout);
  co_await timer.async_wait(use_task);
  timed_out = true;
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

Result<pid_t> start(const std::vector<std::string>& arguments, const Pipe& in, const Pipe& out, const Pipe& err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read_end, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write_end, 2);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return fail(code == ENOENT ? ErrorKind::not_found : ErrorKind::internal,
                "cannot run " + arguments[0] + ": " + std::generic_category().message(code));
  }
  return pid;
}

}  // namespace

Task<Result<ProcessResult>> run_process(std::vector<std::string> arguments, std::string input, Duration timeout) {
  const Executor executor = co_await asio::this_coro::executor;
  Pipe in;
  Pipe out;
  Pipe err;
  if (in.read_end < 0 || out.read_end < 0 || err.read_end < 0) {
    co_return fail(ErrorKind::internal, "cannot run " + arguments[0] + ": no pipe: too many open files");
  }
  const auto pid = start(arguments, in, out, err);
  if (!pid) co_return std::unexpected(pid.error());
  Pipe::close_end(in.read_end);
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  Stream input_stream(executor, Pipe::release(in.write_end));
  Stream output_stream(executor, Pipe::release(out.read_end));
  Stream error_stream(executor, Pipe::release(err.read_end));
  // The descriptor becomes readable when the program ends.
  Stream exit_stream(executor, static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));

  ProcessResult result;
  bool timed_out = false;
  TaskGroup pumps(executor);
  pumps.spawn("process input", feed(input_stream, input));
  pumps.spawn("process output", collect(output_stream, result.output));
  pumps.spawn("process errors", collect(error_stream, result.error_output));
  TaskGroup watchdog(executor);
  watchdog.spawn("process timeout", kill_after(exit_stream.native_handle(), timeout, timed_out));
  const auto [wait_error] = co_await exit_stream.async_wait(Stream::wait_read, as_result);
  if (wait_error) ::syscall(SYS_pidfd_send_signal, exit_stream.native_handle(), SIGKILL, nullptr, 0);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  watchdog.stop();
  co_await asio::this_coro::reset_cancellation_state();
  co_await watchdog.join();
  if (wait_error) pumps.stop();
  co_await pumps.join();
  if (wait_error) co_return fail(ErrorKind::cancelled, arguments[0] + " was cancelled");
  if (timed_out) co_return fail(ErrorKind::timeout, arguments[0] + " did not end in time and was killed");
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  co_return result;
}

}  // namespace podid::base
