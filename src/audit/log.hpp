// SPDX-License-Identifier: Apache-2.0
// The audit log on disk: lines of JSON, rotated as kube-apiserver rotates its own, and beside them the tree over these
// lines.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.hpp"
#include "audit/record.hpp"
#include "audit/tree.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::audit {

struct LogOptions {
  std::string path;  // --audit-log-path; "-": standard output, without a tree
  std::string cluster;
  std::string node;
  std::uint64_t max_size_mib = 100;  // a file that would become larger is rotated
  unsigned max_backups = 100;        // 0: no limit
  unsigned max_age_days = 366;       // 0: no limit
};

struct DeletedFile {
  std::string file;
  std::uint64_t first_index = 0;
  std::uint64_t end_index = 0;
  bool cosigned = false;  // by a witness: false is worth an event
};

// One line to be: its body (record.hpp), and what it stands for.
struct Line {
  std::string_view body;
  std::uint64_t count = 1;
  base::WallTime last;
};

// Not thread-safe; blocking. Files: `path`, its backups `<stem>-<time><extension>` and `<path>.lock`; `<path>.tree/`
// holds `key` (0600), `origin`, `checkpoint`, `cosigned`, `synced` and, as c2sp.org/tlog-tiles lays them out, `tile/…`
// and `tile/entries/…`.
class Log {
 public:
  // Opens or begins it. What kill -9 left is mended: half a line is cut off, tiles that are missing are made from the
  // lines. Where files and the log's own checkpoint contradict each other, or origin or key are lost, the old ones are
  // set aside (in `<path>.replaced-<time>/`) and a new log begins, which says so in its start record.
  // ErrorKind::unavailable: open elsewhere.
  static base::Result<std::unique_ptr<Log>> open(LogOptions options, const base::Clock& clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // All of them or none: on an error the file is as before. Rotates before where needed, and deletes what is too old or
  // too much (`deleted`).
  base::Result<> append(const std::vector<Line>& lines, std::vector<DeletedFile>& deleted);
  // To the disk.
  base::Result<> sync();
  // Makes the partial tiles, signs size and root, writes `checkpoint`; syncs before. The note's text.
  base::Result<std::string> checkpoint();
  // For a witness that has seen `from` leaves.
  base::Result<std::vector<Hash>> consistency(std::uint64_t from, std::uint64_t to) const;
  // A checkpoint that came back with a witness's signature (its size is what retention may delete); kept as `cosigned`.
  base::Result<> set_cosigned(std::string_view note);

  std::uint64_t size() const;  // leaves
  Hash root() const;
  std::string origin() const;        // <cluster>/<node>/<log id>; empty without a tree
  std::string key_text() const;      // the public key, as VerifierKey::text()
  std::string start_reason() const;  // for the start record: "", "new", "replaced: why"
  // The last lines, newest first, as many as are there (across files): to find what a killed process had appended.
  base::Result<std::vector<std::string>> tail(std::size_t lines) const;

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace podid::audit
