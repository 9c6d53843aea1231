// SPDX-License-Identifier: Apache-2.0
#include "audit/line_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "audit/record.hpp"

namespace podid::audit {
namespace {

constexpr std::size_t kChunk = std::size_t{256} * 1024;

std::unexpected<base::Error> fail_errno(const std::string& what) {
  const int code = errno;
  return base::fail(code == ENOENT   ? base::ErrorKind::not_found
                    : code == EACCES ? base::ErrorKind::denied
                                     : base::ErrorKind::internal,
                    what + ": " + std::generic_category().message(code));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// "-2026-01-02T03-04-05.006": digits at 0, the rest as it is.
bool is_time(std::string_view text) {
  constexpr std::string_view kForm = "-0000-00-00T00-00-00.000";
  return std::ranges::equal(text, kForm,
                            [](char c, char form) { return form == '0' ? c >= '0' && c <= '9' : c == form; });
}

}  // namespace

base::Result<LineReader> LineReader::open(const std::string& path) {
  const int fd = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("cannot open " + path);
  return LineReader(fd, path);
}

LineReader::LineReader(LineReader&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      at_(other.at_),
      offset_(other.offset_) {}

LineReader::~LineReader() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<bool> LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  ssize_t n = 0;
  do {
    n = ::read(fd_, buffer_.data() + before, kChunk);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail_errno("cannot read " + path_);
  buffer_.resize(before + static_cast<std::size_t>(n));
  return n > 0;
}

base::Result<std::optional<std::string_view>> LineReader::next() {
  std::size_t looked = at_;
  while (true) {
    const std::size_t end = buffer_.find('\n', looked);
    const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - at_;
    if (length > kMaxLine) return base::fail(base::ErrorKind::invalid, path_ + ": a line is too long for an audit log");
    if (end != std::string::npos) {
      const std::string_view line(buffer_.data() + at_, length);
      at_ = end + 1;
      offset_ += length + 1;
      return line;
    }
    auto more = fill();
    if (!more) return std::unexpected(std::move(more.error()));
    if (!*more) return std::nullopt;
    looked = length;
  }
}

std::optional<std::uint64_t> index_of(std::string_view line) {
  constexpr std::string_view kPrefix = "{\"index\":";
  if (!line.starts_with(kPrefix)) return std::nullopt;
  line.remove_prefix(kPrefix.size());
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
  if (error != std::errc{} || end == line.data() + line.size() || *end != ',') return std::nullopt;
  return index;
}

base::Result<std::optional<std::uint64_t>> first_index(const std::string& path) {
  auto reader = LineReader::open(path);
  if (!reader) return std::unexpected(std::move(reader.error()));
  auto line = reader->next();
  if (!line) return std::unexpected(std::move(line.error()));
  if (!*line) return std::nullopt;
  return index_of(**line);
}

base::Result<std::vector<std::string>> last_lines(const std::string& path, std::size_t lines) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return fail_errno("cannot open " + path);
  struct stat status{};
  if (::fstat(file.fd, &status) != 0) return fail_errno("cannot look at " + path);
  auto at = static_cast<std::size_t>(status.st_size);
  std::string tail;
  // One newline more than lines: the one before the first of them.
  while (at > 0 && static_cast<std::size_t>(std::ranges::count(tail, '\n')) <= lines) {
    const std::size_t length = std::min(at, kChunk);
    std::string chunk(length, '\0');
    const ssize_t n = ::pread(file.fd, chunk.data(), length, static_cast<off_t>(at - length));
    if (n != static_cast<ssize_t>(length)) return fail_errno("cannot read " + path);
    tail.insert(0, chunk);
    at -= length;
  }
  std::vector<std::string> found;
  std::size_t end = tail.rfind('\n');
  while (end != std::string::npos && found.size() < lines) {
    const std::size_t before = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
    // The file's first line has no newline before it; any other cut off by `at` is not whole.
    if (before == std::string::npos && at > 0) break;
    const std::size_t start = before == std::string::npos ? 0 : before + 1;
    found.push_back(tail.substr(start, end - start));
    end = before;
  }
  return found;
}

std::vector<std::string> backups_of(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string stem = file.stem().string();
  const std::string extension = file.extension().string();
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::vector<std::string> found;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.size() <= stem.size() + extension.size() || !name.starts_with(stem) || !name.ends_with(extension))
      continue;
    const std::string_view middle =
        std::string_view(name).substr(stem.size(), name.size() - stem.size() - extension.size());
    if (is_time(middle)) found.push_back(file.has_parent_path() ? entry->path().string() : name);
  }
  std::ranges::sort(found);
  return found;
}

std::string backup_name(const std::string& path, std::string_view time) {
  const std::filesystem::path file(path);
  const std::string name = file.stem().string() + "-" + std::string(time) + file.extension().string();
  return file.has_parent_path() ? (file.parent_path() / name).string() : name;
}

}  // namespace podid::audit
