// SPDX-License-Identifier: Apache-2.0
// Notices when the content of a file changes, however it is changed: written, renamed over, or swapped by a symbolic link
// as mounted Secrets and ConfigMaps are (mic.md §7.7, MIC-19).
#pragma once
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"

namespace podid::mic {

// Belongs to one executor. Watches the file and its directory with inotify: no polling.
class ConfigWatch {
 public:
  // `content` is what the caller has read already. `changed` gets each new content.
  static base::Result<std::unique_ptr<ConfigWatch>> create(base::Executor executor, std::string path,
                                                           std::string content,
                                                           std::function<void(const std::string& content)> changed);
  ~ConfigWatch();
  base::Task<> stop();

 private:
  ConfigWatch(base::Executor executor, int fd, std::string path, std::string content,
              std::function<void(const std::string&)> changed);
  base::Task<> run();
  void compare();

  const std::string path_;
  const std::function<void(const std::string&)> changed_;
  std::string content_;
  base::asio::posix::basic_stream_descriptor<base::Executor> events_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
