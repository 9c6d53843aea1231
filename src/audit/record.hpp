// SPDX-License-Identifier: Apache-2.0
// What the audit log says: one record, one line of JSON. Never a token or a secret; its texts are the caller's to
// redact.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::audit {

// `token` is what a worker writes for each answer; the others are the log's own.
enum class Kind { token, start, rotated, deleted, gap, acknowledged };
std::string_view to_string(Kind kind);

enum class Outcome {
  issued,
  denied,          // refused by us: `check` says which check failed
  failed,          // allowed, and yet no token: Azure, the API server
  passed_through,  // an excepted pod: the node's own endpoint answered
};
std::string_view to_string(Outcome outcome);

// Texts longer than this are cut at a character, "…" says so. A line is at most kMaxLine bytes whatever its texts are.
inline constexpr std::size_t kMaxText = 512;
inline constexpr std::size_t kMaxLine = 65535;  // without its newline (tlog-tiles measures entries in 16 bits)

// One answer. Text is std::string_view for who writes, std::string for who reads. Empty texts and zeros are left out of
// the line, except status.
template <class Text>
struct BasicRecord {
  base::WallTime time;  // of the answer, to the microsecond; of the first one where `count` is more than 1
  Outcome outcome = Outcome::issued;
  int status = 200;  // HTTP, as answered
  Text node{};
  Text source{};  // the connection's address
  Text ns{};      // of the pod
  Text pod{};
  Text pod_uid{};
  Text service_account{};
  Text binding{};                           // "namespace/name"
  Text identity{};                          // "namespace/name"
  Text identity_type{};                     // e.g. "managedIdentity": what the caller calls it
  Text client_id{};                         // as it may be read: redacted unless the operator asked for it whole
  Text resource{};                          // as the client wrote it
  bool cached = false;                      // the token came from the cache
  std::optional<base::WallTime> expires{};  // as told to the client
  base::Duration latency{};                 // to the microsecond
  Text grant{};                             // "namespace/name" of the AzureIdentityGrant that allowed it
  Text check{};                             // denied, failed: the failing check
  Text uti{};                               // the token's unique identifier, as Entra's sign-in logs show it
  Text oid{};                               // the token's object ID
};
using RecordView = BasicRecord<std::string_view>;

// A line read back.
struct Record : BasicRecord<std::string> {
  Kind kind = Kind::token;
  std::optional<std::uint64_t> index;  // of the leaf; a log on standard output has none
  std::string process;                 // which life of the program; with `sequence` unique
  std::uint64_t sequence = 0;          // from 1, in each process; 0: a record of the log itself
  std::uint64_t count = 1;             // answers that this record stands for
  base::WallTime last;                 // of the last of them
  // gap: `missing` answers of that process's worker were issued without a record, `missing_total` since it started.
  unsigned worker = 0;
  std::uint64_t missing = 0;
  std::uint64_t missing_total = 0;
  // rotated, deleted: the file, and for deleted its leaves [first_index, end_index), and whether a witness had signed
  // them.
  std::string file;
  std::uint64_t first_index = 0;
  std::uint64_t end_index = 0;
  bool cosigned = false;
  // start: the log's origin and why there was none before, or what became of it ("", "new", "replaced: …").
  std::string origin;
  std::string reason;
  // acknowledged: events of all records before this index are at the API server.
  std::uint64_t through = 0;
};

// The members of a record's JSON object, `"kind":"token",…` without braces: what a ring holds, and a line is made of.
// Returns the bytes written; 0 where `out` is too small (kMaxBody always suffices). Allocates nothing; texts that are
// no UTF-8 are mended with U+FFFD.
std::size_t encode_body(const RecordView& record, std::string_view process, std::uint64_t sequence,
                        std::span<char> out);
inline constexpr std::size_t kMaxBody = kMaxLine - 256;

// Records of the log itself, as whole bodies.
std::string gap_body(base::WallTime time, std::string_view process, unsigned worker, std::uint64_t missing,
                     std::uint64_t missing_total);
std::string start_body(base::WallTime time, std::string_view process, std::string_view origin, std::string_view reason);
std::string rotated_body(base::WallTime time, std::string_view file);
std::string deleted_body(base::WallTime time, std::string_view file, std::uint64_t first_index, std::uint64_t end_index,
                         bool cosigned);
std::string acknowledged_body(base::WallTime time, std::uint64_t through);

// Appends {"index":…,body,"count":…,"last":…} without a newline. `count` of 1 is left out.
void append_line(std::string& out, std::optional<std::uint64_t> index, std::string_view body, std::uint64_t count,
                 base::WallTime last);

// As in a line: cut at kMaxText, without quotes around it. What a client wrote is safe on a terminal then.
std::string escaped_text(std::string_view text);

// One line, without its newline. Unknown members are passed over: later versions may write more.
base::Result<Record> parse_line(std::string_view line);

}  // namespace podid::audit
