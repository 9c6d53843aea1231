// SPDX-License-Identifier: Apache-2.0
#include "audit/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace podid::audit {

std::unexpected<base::Error> fail_on_file(const std::string& what) {
  const int code = errno;
  base::ErrorKind kind = base::ErrorKind::internal;
  if (code == EACCES || code == EPERM || code == EROFS) kind = base::ErrorKind::denied;
  if (code == ENOSPC || code == EDQUOT || code == EIO) kind = base::ErrorKind::unavailable;
  return base::fail(kind, what + ": " + std::generic_category().message(code));
}

base::Result<> write_all(int fd, std::string_view bytes, std::optional<std::uint64_t> at, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = at ? ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(*at))
                         : ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_on_file("cannot write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    if (at) *at += static_cast<std::uint64_t>(n);
  }
  return {};
}

void sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

base::Result<std::uint64_t> whole_lines(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_on_file("cannot look at " + path);
  auto end = static_cast<std::uint64_t>(status.st_size);
  std::string chunk(65536, '\0');
  while (end > 0) {
    const std::uint64_t length = std::min<std::uint64_t>(end, chunk.size());
    if (::pread(fd, chunk.data(), length, static_cast<off_t>(end - length)) != static_cast<ssize_t>(length)) {
      return fail_on_file("cannot read " + path);
    }
    const std::size_t newline = std::string_view(chunk).substr(0, length).rfind('\n');
    if (newline != std::string_view::npos) return end - length + newline + 1;
    end -= length;
  }
  return std::uint64_t{0};
}

}  // namespace podid::audit
