// SPDX-License-Identifier: Apache-2.0
#include "mic/config_watch.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "mic/limits.hpp"

namespace podid::mic {

base::Result<std::unique_ptr<ConfigWatch>> ConfigWatch::create(base::Executor executor, std::string path,
                                                               std::string content,
                                                               std::function<void(const std::string&)> changed) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  // A mounted Secret changes by a rename over ..data; editors write a new file and rename it; others write in place.
  constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;
  if (fd < 0 || ::inotify_add_watch(fd, directory.c_str(), kChanges) < 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return base::fail(base::ErrorKind::internal, fmt::format("cannot watch the directory {}: {}", directory, reason));
  }
  std::unique_ptr<ConfigWatch> watch(
      new ConfigWatch(std::move(executor), fd, std::move(path), std::move(content), std::move(changed)));
  watch->tasks_.spawn("cloud configuration", watch->run());
  // A change between the caller's reading and the watch is not missed.
  watch->compare();
  return watch;
}

ConfigWatch::ConfigWatch(base::Executor executor, int fd, std::string path, std::string content,
                         std::function<void(const std::string&)> changed)
    : path_(std::move(path)),
      changed_(std::move(changed)),
      content_(std::move(content)),
      events_(executor, fd),
      tasks_(executor) {}

ConfigWatch::~ConfigWatch() = default;

base::Task<> ConfigWatch::run() {
  std::array<char, 4096> buffer{};
  for (;;) {
    // Which file it was does not matter: only the content does.
    const auto [error, size] = co_await events_.async_read_some(base::asio::buffer(buffer), base::as_result);
    if (error) co_return;
    compare();
  }
}

void ConfigWatch::compare() {
  // The file itself, too: one that is mounted alone changes without a word from the directory that it is mounted in. Again
  // each time, because it may be another file by now; failing is normal while there is none.
  ::inotify_add_watch(events_.native_handle(), path_.c_str(), IN_CLOSE_WRITE);
  auto content = base::read_file(path_, kMaxCloudConfigBytes);
  if (!content) {
    base::log::warning("the cloud configuration cannot be read; the last good one stays in use",
                       {{"path", path_}, {"error", content.error()}});
    return;
  }
  if (*content == content_) return;
  content_ = std::move(*content);
  changed_(content_);
}

base::Task<> ConfigWatch::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace podid::mic
