// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/token_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/file.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kMostBytes = 64 * 1024;  // as in kube/token_source

base::Result<std::string> read_from_start(int file) {
  std::string content;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t n = ::pread(file, chunk.data(), chunk.size(), static_cast<off_t>(content.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail(base::ErrorKind::internal, std::generic_category().message(errno));
    if (n == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(n));
    if (content.size() > kMostBytes) return base::fail(base::ErrorKind::invalid, "larger than a token can be");
  }
}

}  // namespace

TokenFile::TokenFile(std::string path) : path_(std::move(path)) {
  if (!path_.empty()) handed_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
}

bool TokenFile::is_out_of_reach() const {
  if (path_.empty()) return false;
  const Descriptor opened(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  return !opened && errno == EACCES;
}

base::Result<std::string> TokenFile::read() const {
  base::Result<std::string> content = base::read_file(path_, kMostBytes);
  if (content || content.error().kind != base::ErrorKind::denied || !handed_) return content;
  content = read_from_start(handed_.get());
  if (!content) return base::fail(std::move(content.error()), "the token that the keeper has opened");
  return content;
}

}  // namespace podid::nmi
