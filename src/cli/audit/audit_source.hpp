// SPDX-License-Identifier: Apache-2.0
// Where `podid audit` reads records from, and which of them are meant.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/record.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::cli {

// The logs that `from` means, by the paths of their current files: a file is itself; a folder holds each log that it
// has, at any depth down to five (one folder a node, say), but for those that were set aside. "-" is standard input and
// stands alone.
base::Result<std::vector<std::string>> find_logs(const std::string& from);

// A record with its line as it stands in the log.
struct ReadRecord {
  audit::Record record;
  std::string line;
};

// All that are given must agree. Texts are compared whole; "namespace/name" matches a name alone, too.
struct RecordFilter {
  std::string ns;
  std::string pod;
  std::string identity;
  std::string binding;
  std::string grant;
  std::string resource;
  std::string outcome;
  std::string node;
  std::string uti;
  std::optional<base::WallTime> since;
  std::optional<base::WallTime> until;
  bool own = false;  // records of the log itself as well
};
bool matches(const RecordFilter& filter, const audit::Record& record);

// In the order of their times. Lines that are no records are counted in `unreadable`.
base::Result<std::vector<ReadRecord>> read_records(const std::string& from, const RecordFilter& filter,
                                                   std::uint64_t& unreadable);
// The last `count` of them.
base::Result<std::vector<ReadRecord>> read_last_records(const std::string& from, std::size_t count,
                                                        std::uint64_t& unreadable);

// "2026-01-02T03:04:05Z", or "1h30m": so long before `now`.
base::Result<base::WallTime> parse_since(std::string_view text, base::WallTime now);

}  // namespace podid::cli
