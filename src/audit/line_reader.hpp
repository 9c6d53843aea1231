// SPDX-License-Identifier: Apache-2.0
// Log files, line by line, and which files belong to a log.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::audit {

// Forward through one file. Not thread-safe.
class LineReader {
 public:
  // "-" is standard input.
  static base::Result<LineReader> open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  // The next line without its newline, valid until the next call; nothing at the end. What follows the last newline is
  // no line (half a one is not yet written). An error for a line longer than kMaxLine.
  base::Result<std::optional<std::string_view>> next();
  // Bytes up to and including the last newline given.
  std::uint64_t offset() const { return offset_; }

 private:
  LineReader(int fd, std::string path) : path_(std::move(path)), fd_(fd) {}
  base::Result<bool> fill();

  std::string path_;
  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0;
};

// N of {"index":N,…}, as every line of a log with a tree begins.
std::optional<std::uint64_t> index_of(std::string_view line);
// The first line's; nothing for a file without a line or without indices.
base::Result<std::optional<std::uint64_t>> first_index(const std::string& path);
// Whole lines from the file's end, newest first.
base::Result<std::vector<std::string>> last_lines(const std::string& path, std::size_t lines);

// Backups of the log at `path`, "<stem>-2026-01-02T03-04-05.006<extension>" beside it, oldest first.
std::vector<std::string> backups_of(const std::string& path);
std::string backup_name(const std::string& path, std::string_view time);

}  // namespace podid::audit
