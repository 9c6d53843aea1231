// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/audit_source.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <system_error>
#include <utility>

#include "audit/line_reader.hpp"
#include "base/time_text.hpp"

namespace podid::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 5;

// A log and its backups, oldest first. A backup that is named itself stands alone.
std::vector<std::string> files_of(const std::string& path) {
  if (path == "-") return {path};
  std::vector<std::string> files = audit::backups_of(path);
  if (fs::exists(path)) files.push_back(path);
  return files;
}

bool is_named(const std::string& wanted, const std::string& name) {
  return wanted.empty() || wanted == name || (!wanted.contains('/') && name.ends_with("/" + wanted));
}

void sort_by_time(std::vector<ReadRecord>& records) {
  std::ranges::sort(records, {},
                    [](const ReadRecord& read) { return std::pair(read.record.time, read.record.index.value_or(0)); });
}

base::Result<> read_file(const std::string& file, const std::function<void(std::string_view)>& take) {
  auto reader = audit::LineReader::open(file);
  if (!reader) return std::unexpected(std::move(reader.error()));
  while (true) {
    auto line = reader->next();
    if (!line) return std::unexpected(std::move(line.error()));
    if (!*line) return {};
    take(**line);
  }
}

}  // namespace

base::Result<std::vector<std::string>> find_logs(const std::string& from) {
  if (from == "-") return std::vector<std::string>{from};
  std::error_code error;
  if (!fs::is_directory(from, error)) {
    if (!fs::exists(from)) return base::fail(base::ErrorKind::not_found, "there is no file or folder " + from);
    return std::vector<std::string>{from};
  }
  std::vector<std::string> logs;
  std::vector<std::string> plain;
  auto entry = fs::recursive_directory_iterator(from, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path& path = entry->path();
    if (entry->is_directory(error)) {
      const bool is_tree = path.extension() == ".tree";
      if (is_tree) logs.push_back((path.parent_path() / path.stem()).string());
      if (is_tree || path.filename().string().contains(".replaced-") || entry.depth() + 1 >= kMaxDepth) {
        entry.disable_recursion_pending();
      }
    } else if (path.extension() == ".log") {
      plain.push_back(path.string());
    }
  }
  if (error) return base::fail(base::ErrorKind::denied, "cannot read " + from + ": " + error.message());
  // Files that were copied without their trees.
  if (logs.empty()) logs = std::move(plain);
  if (logs.empty()) return base::fail(base::ErrorKind::not_found, "there is no audit log in " + from);
  std::ranges::sort(logs);
  return logs;
}

bool matches(const RecordFilter& filter, const audit::Record& record) {
  if (record.kind != audit::Kind::token) return filter.own;
  const auto is = [](const std::string& wanted, std::string_view text) { return wanted.empty() || wanted == text; };
  return is(filter.ns, record.ns) && is(filter.pod, record.pod) && is_named(filter.identity, record.identity) &&
         is_named(filter.binding, record.binding) && is_named(filter.grant, record.grant) &&
         is(filter.resource, record.resource) && is(filter.outcome, to_string(record.outcome)) &&
         is(filter.node, record.node) && is(filter.uti, record.uti) &&
         (!filter.since || record.last >= *filter.since) && (!filter.until || record.time < *filter.until);
}

base::Result<std::vector<ReadRecord>> read_records(const std::string& from, const RecordFilter& filter,
                                                   std::uint64_t& unreadable) {
  auto logs = find_logs(from);
  if (!logs) return std::unexpected(std::move(logs.error()));
  std::vector<ReadRecord> records;
  for (const std::string& log : *logs) {
    for (const std::string& file : files_of(log)) {
      auto read = read_file(file, [&](std::string_view line) {
        auto record = audit::parse_line(line);
        if (!record) {
          ++unreadable;
        } else if (matches(filter, *record)) {
          records.push_back({std::move(*record), std::string(line)});
        }
      });
      if (!read) return std::unexpected(std::move(read.error()));
    }
  }
  sort_by_time(records);
  return records;
}

base::Result<std::vector<ReadRecord>> read_last_records(const std::string& from, std::size_t count,
                                                        std::uint64_t& unreadable) {
  auto logs = find_logs(from);
  if (!logs) return std::unexpected(std::move(logs.error()));
  std::vector<ReadRecord> records;
  for (const std::string& log : *logs) {
    std::deque<std::string> lines;  // oldest first
    if (log == "-") {
      auto read = read_file(log, [&](std::string_view line) {
        lines.emplace_back(line);
        if (lines.size() > count) lines.pop_front();
      });
      if (!read) return std::unexpected(std::move(read.error()));
    } else {
      const std::vector<std::string> files = files_of(log);
      for (auto file = files.rbegin(); file != files.rend() && lines.size() < count; ++file) {
        auto last = audit::last_lines(*file, count - lines.size());
        if (!last) return std::unexpected(std::move(last.error()));
        for (std::string& line : *last) lines.push_front(std::move(line));
      }
    }
    for (std::string& line : lines) {
      auto record = audit::parse_line(line);
      if (record) {
        records.push_back({std::move(*record), std::move(line)});
      } else {
        ++unreadable;
      }
    }
  }
  sort_by_time(records);
  if (records.size() > count) records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(count));
  return records;
}

base::Result<base::WallTime> parse_since(std::string_view text, base::WallTime now) {
  if (const auto time = base::parse_rfc3339(text)) return *time;
  const auto duration = base::parse_go_duration(text);
  if (duration && *duration >= base::Duration(0)) {
    return now - std::chrono::duration_cast<base::WallTime::duration>(*duration);
  }
  return base::fail(base::ErrorKind::invalid,
                    std::string(text) + " is neither a time such as 2026-01-02T03:04:05Z nor a duration such as 1h30m");
}

}  // namespace podid::cli
