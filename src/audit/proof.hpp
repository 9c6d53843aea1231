// SPDX-License-Identifier: Apache-2.0
// That one record is in a log, as a text that an auditor checks offline (c2sp.org/tlog-proof).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.hpp"
#include "audit/tree.hpp"
#include "base/error.hpp"

namespace podid::audit {

struct RecordProof {
  std::uint64_t index = 0;
  std::vector<Hash> path;
  std::string note;  // the signed checkpoint
};
std::string format_proof(const RecordProof& proof);
// `extra` lines are passed over: nobody signed them.
base::Result<RecordProof> parse_proof(std::string_view text);

// Of the log whose current file is `path`, from its tiles: in the checkpoint that a witness signed where that has the
// record, else in the log's own. not_found: no such record, or no checkpoint has it yet.
base::Result<RecordProof> prove_record(const std::string& path, std::uint64_t index);
// The record's line, from the log's files, else from its bundles.
base::Result<std::string> read_record(const std::string& path, std::uint64_t index);

// Whether `line` is the record, by a checkpoint that one of `keys` signed. The checkpoint, and who signed it and when.
struct CheckedProof {
  Checkpoint checkpoint;
  std::vector<Signed> by;  // into `keys`
};
base::Result<CheckedProof> check_proof(const RecordProof& proof, std::string_view line,
                                       std::span<const VerifierKey> keys);

}  // namespace podid::audit
