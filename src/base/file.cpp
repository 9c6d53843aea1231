// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace podid::base {
namespace {

std::unexpected<Error> fail_errno(const std::string& what) {
  const int code = errno;
  const ErrorKind kind = code == ENOENT   ? ErrorKind::not_found
                         : code == EACCES ? ErrorKind::denied
                                          : ErrorKind::internal;
  return fail(kind, what + ": " + std::generic_category().message(code));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return fail_errno("cannot open " + path);
  std::string content;
  char chunk[16384];
  while (true) {
    const ssize_t n = ::read(file.fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path);
    if (n == 0) return content;
    content.append(chunk, static_cast<std::size_t>(n));
    if (content.size() > max_bytes) {
      return fail(ErrorKind::invalid, path + " is larger than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

Result<> write_file(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  {
    const Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (file.fd < 0) return fail_errno("cannot create " + temporary);
    while (!content.empty()) {
      const ssize_t n = ::write(file.fd, content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        auto failure = fail_errno("cannot write " + temporary);
        ::unlink(temporary.c_str());
        return failure;
      }
      content.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    auto failure = fail_errno("cannot rename " + temporary + " to " + path);
    ::unlink(temporary.c_str());
    return failure;
  }
  return {};
}

}  // namespace podid::base
