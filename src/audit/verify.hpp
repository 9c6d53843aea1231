// SPDX-License-Identifier: Apache-2.0
// Whether a log's files are what was signed, and what they say of themselves.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/note.hpp"
#include "base/error.hpp"

namespace podid::audit {

struct VerifyReport {
  std::string origin;                           // as the log says; the signed checkpoint's, where there is one
  std::uint64_t first = 0;                      // index of the first line that is there
  std::uint64_t size = 0;                       // one more than the last one's
  std::uint64_t answers = 0;                    // that token records stand for
  std::uint64_t missing = 0;                    // answers without a record, by gap records
  std::optional<Checkpoint> signed_checkpoint;  // that one of the keys signed, and that the lines were compared with
  std::vector<std::string> signers;             // names of these keys
  std::optional<std::int64_t> signed_at;        // a cosignature's time
  // What is wrong; at most kMaxFindings are listed.
  static constexpr std::size_t kMaxFindings = 20;
  std::vector<std::string> findings;
  // What a reader should know: gaps, deletions, logs that were replaced, what no key vouches for.
  std::vector<std::string> remarks;
  bool ok() const { return findings.empty(); }
};

// Reads every line of the log whose current file is `path`, with its backups and tiles. `keys`: those that count (of a
// witness); with none the log is compared with its own tree alone, and a remark says so. `note`: a checkpoint that came
// another way, else the file `cosigned` beside the tiles. Errors: what could not be read.
base::Result<VerifyReport> verify_log(const std::string& path, std::span<const VerifierKey> keys,
                                      const std::optional<std::string>& note);

}  // namespace podid::audit
