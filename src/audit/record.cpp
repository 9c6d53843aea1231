// SPDX-License-Identifier: Apache-2.0
#include "audit/record.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstring>

#include "base/json.hpp"
#include "base/time_text.hpp"

namespace podid::audit {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 6> kKinds{"token", "start", "rotated", "deleted", "gap", "acknowledged"};
constexpr std::array<std::string_view, 4> kOutcomes{"issued", "denied", "failed", "passed_through"};

// 15 texts of kMaxText bytes, each byte as "\u0000" at worst, and all else that a line holds.
static_assert(15 * (6 * kMaxText + 64) + 1024 < kMaxBody);

// Bytes of the character that starts here; 0: no UTF-8 (RFC 3629: no overlong form, no surrogate).
std::size_t length_of_character(std::string_view at) {
  const auto byte = [&at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto continues = [&](std::size_t i, unsigned char least = 0x80, unsigned char most = 0xBF) {
    return i < at.size() && byte(i) >= least && byte(i) <= most;
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned char least = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned char most = first == 0xED ? 0x9F : 0xBF;
    return continues(1, least, most) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned char least = first == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = first == 0xF4 ? 0x8F : 0xBF;
    return continues(1, least, most) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

unsigned code_point(std::string_view character) {
  const auto byte = [&character](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(character[i]));
  };
  if (character.size() == 2) return (byte(0) & 0x1FU) << 6 | (byte(1) & 0x3FU);
  if (character.size() == 3) return (byte(0) & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
  return byte(0);
}

// Characters that would act on a terminal or turn the text around: always written as an escape.
bool is_dangerous(std::string_view character) {
  if (character.size() > 3) return false;
  const unsigned code = code_point(character);
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

// Writes into a span; where that ends, it stays over the end and all else is dropped.
class Out {
 public:
  explicit Out(std::span<char> span) : at_(span.data()), end_(span.data() + span.size()) {}

  void raw(std::string_view bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes.size()) {
      full_ = true;
      end_ = at_;
      return;
    }
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void number(std::uint64_t value) {
    char digits[20];
    raw({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
  }
  void time(base::WallTime when) {
    using namespace std::chrono;
    const auto day = floor<days>(when);
    const year_month_day date(day);
    const hh_mm_ss<microseconds> clock(floor<microseconds>(when - day));
    char text[] = "0000-00-00T00:00:00.000000Z";
    const auto put = [&text](std::size_t at, std::size_t width, long value) {
      for (std::size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
    };
    put(0, 4, int(date.year()));
    put(5, 2, unsigned(date.month()));
    put(8, 2, unsigned(date.day()));
    put(11, 2, clock.hours().count());
    put(14, 2, clock.minutes().count());
    put(17, 2, clock.seconds().count());
    put(20, 6, clock.subseconds().count());
    raw({text, sizeof text - 1});
  }
  // The inside of a JSON string.
  void escaped(std::string_view text) {
    const bool cut = text.size() > kMaxText;
    std::size_t end = std::min(text.size(), kMaxText);
    // Not in the middle of a character.
    while (cut && end > kMaxText - 3 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end);
    while (!text.empty()) {
      const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
      raw(text.substr(0, plain));
      text.remove_prefix(plain);
      if (!text.empty()) text.remove_prefix(special(text));
    }
    if (cut) raw("…");
  }
  std::size_t written(std::span<char> span) const { return full_ ? 0 : static_cast<std::size_t>(at_ - span.data()); }

 private:
  std::size_t special(std::string_view text) {
    const std::size_t length = length_of_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      raw("\xEF\xBF\xBD");
    } else if (text[0] == '"' || text[0] == '\\') {
      raw("\\");
      raw(character);
    } else if (is_dangerous(character)) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const unsigned code = code_point(character);
      const char escape[] = {'\\', 'u', kHex[code >> 12], kHex[code >> 8 & 15], kHex[code >> 4 & 15], kHex[code & 15]};
      raw({escape, sizeof escape});
    } else {
      raw(character);
    }
    return character.size();
  }

  char* at_;
  char* end_;
  bool full_ = false;
};

void text_member(Out& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.raw(",\"");
  out.raw(name);
  out.raw("\":\"");
  out.escaped(text);
  out.raw("\"");
}

void number_member(Out& out, std::string_view name, std::uint64_t number) {
  out.raw(",\"");
  out.raw(name);
  out.raw("\":");
  out.number(number);
}

void time_member(Out& out, std::string_view name, base::WallTime time) {
  out.raw(",\"");
  out.raw(name);
  out.raw("\":\"");
  out.time(time);
  out.raw("\"");
}

void head(Out& out, Kind kind, base::WallTime time) {
  out.raw("\"kind\":\"");
  out.raw(to_string(kind));
  out.raw("\"");
  time_member(out, "time", time);
}

// A record of the log itself: its texts are ours and short, or file names.
template <class Members>
std::string own_body(Kind kind, base::WallTime time, Members members) {
  std::string body(8192, '\0');
  Out out(body);
  head(out, kind, time);
  members(out);
  body.resize(out.written(body));
  return body;
}

// --- reading ---

std::uint64_t unsigned_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (value->is_uint64()) return value->get_uint64();
  return value->is_int64() && value->get_int64() > 0 ? static_cast<std::uint64_t>(value->get_int64()) : 0;
}

bool flag_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

template <class Enum, std::size_t kSize>
std::optional<Enum> word_of(const std::array<std::string_view, kSize>& words, std::string_view word) {
  const auto* found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

std::string_view to_string(Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }
std::string_view to_string(Outcome outcome) { return kOutcomes.at(static_cast<std::size_t>(outcome)); }

std::size_t encode_body(const RecordView& record, std::string_view process, std::uint64_t sequence,
                        std::span<char> span) {
  Out out(span);
  head(out, Kind::token, record.time);
  text_member(out, "process", process);
  number_member(out, "sequence", sequence);
  text_member(out, "outcome", to_string(record.outcome));
  number_member(out, "status", static_cast<std::uint64_t>(std::max(record.status, 0)));
  text_member(out, "node", record.node);
  text_member(out, "source", record.source);
  text_member(out, "namespace", record.ns);
  text_member(out, "pod", record.pod);
  text_member(out, "podUID", record.pod_uid);
  text_member(out, "serviceAccount", record.service_account);
  text_member(out, "binding", record.binding);
  text_member(out, "identity", record.identity);
  text_member(out, "identityType", record.identity_type);
  text_member(out, "clientID", record.client_id);
  text_member(out, "resource", record.resource);
  if (record.cached) out.raw(",\"cached\":true");
  if (record.expires) time_member(out, "expires", *record.expires);
  const auto latency = std::chrono::floor<std::chrono::microseconds>(record.latency).count();
  if (latency > 0) number_member(out, "latencyMicros", static_cast<std::uint64_t>(latency));
  text_member(out, "grant", record.grant);
  text_member(out, "check", record.check);
  text_member(out, "uti", record.uti);
  text_member(out, "oid", record.oid);
  return out.written(span);
}

std::string gap_body(base::WallTime time, std::string_view process, unsigned worker, std::uint64_t missing,
                     std::uint64_t missing_total) {
  return own_body(Kind::gap, time, [&](Out& out) {
    text_member(out, "process", process);
    number_member(out, "worker", worker);
    number_member(out, "missing", missing);
    number_member(out, "missingTotal", missing_total);
  });
}

std::string start_body(base::WallTime time, std::string_view process, std::string_view origin,
                       std::string_view reason) {
  return own_body(Kind::start, time, [&](Out& out) {
    out.raw(",\"schema\":\"podid.audit/v1\"");
    text_member(out, "process", process);
    text_member(out, "origin", origin);
    text_member(out, "reason", reason);
  });
}

std::string rotated_body(base::WallTime time, std::string_view file) {
  return own_body(Kind::rotated, time, [&](Out& out) { text_member(out, "file", file); });
}

std::string deleted_body(base::WallTime time, std::string_view file, std::uint64_t first_index, std::uint64_t end_index,
                         bool cosigned) {
  return own_body(Kind::deleted, time, [&](Out& out) {
    text_member(out, "file", file);
    number_member(out, "firstIndex", first_index);
    number_member(out, "endIndex", end_index);
    out.raw(cosigned ? ",\"cosigned\":true" : ",\"cosigned\":false");
  });
}

std::string acknowledged_body(base::WallTime time, std::uint64_t through) {
  return own_body(Kind::acknowledged, time, [&](Out& out) { number_member(out, "through", through); });
}

void append_line(std::string& line, std::optional<std::uint64_t> index, std::string_view body, std::uint64_t count,
                 base::WallTime last) {
  std::array<char, 256> room;
  line += '{';
  if (index) {
    Out out(room);
    out.raw("\"index\":");
    out.number(*index);
    out.raw(",");
    line.append(room.data(), out.written(room));
  }
  line += body;
  if (count != 1) {
    Out out(room);
    number_member(out, "count", count);
    time_member(out, "last", last);
    line.append(room.data(), out.written(room));
  }
  line += '}';
}

std::string escaped_text(std::string_view text) {
  std::string escaped(6 * std::min(text.size(), kMaxText) + 8, '\0');
  Out out(escaped);
  out.escaped(text);
  escaped.resize(out.written(escaped));
  return escaped;
}

base::Result<Record> parse_line(std::string_view line) {
  const auto bad = [](std::string_view what) {
    return base::fail(base::ErrorKind::invalid, "no audit record: " + std::string(what));
  };
  if (line.size() > kMaxLine) return bad("the line is too long");
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !value.is_object()) return bad("the line is no JSON object");
  const json::object& object = value.get_object();
  const auto text = [&object](std::string_view name) { return std::string(base::text_at(object, {name})); };
  const auto time = [&](std::string_view name) { return base::parse_rfc3339(base::text_at(object, {name})); };

  Record record;
  const auto kind = word_of<Kind>(kKinds, base::text_at(object, {"kind"}));
  if (!kind) return bad("of no kind that is known");
  record.kind = *kind;
  const auto when = time("time");
  if (!when) return bad("without a time");
  record.time = *when;
  if (object.contains("index")) record.index = unsigned_at(object, "index");
  record.process = text("process");
  record.sequence = unsigned_at(object, "sequence");
  record.count = object.contains("count") ? unsigned_at(object, "count") : 1;
  record.last = time("last").value_or(record.time);
  record.worker = static_cast<unsigned>(unsigned_at(object, "worker"));
  record.missing = unsigned_at(object, "missing");
  record.missing_total = unsigned_at(object, "missingTotal");
  record.file = text("file");
  record.first_index = unsigned_at(object, "firstIndex");
  record.end_index = unsigned_at(object, "endIndex");
  record.cosigned = flag_at(object, "cosigned");
  record.origin = text("origin");
  record.reason = text("reason");
  record.through = unsigned_at(object, "through");
  if (record.kind != Kind::token) return record;

  const auto outcome = word_of<Outcome>(kOutcomes, base::text_at(object, {"outcome"}));
  if (!outcome) return bad("with no outcome that is known");
  record.outcome = *outcome;
  record.status = static_cast<int>(std::min<std::uint64_t>(unsigned_at(object, "status"), 999));
  record.node = text("node");
  record.source = text("source");
  record.ns = text("namespace");
  record.pod = text("pod");
  record.pod_uid = text("podUID");
  record.service_account = text("serviceAccount");
  record.binding = text("binding");
  record.identity = text("identity");
  record.identity_type = text("identityType");
  record.client_id = text("clientID");
  record.resource = text("resource");
  record.cached = flag_at(object, "cached");
  record.expires = time("expires");
  record.latency = std::chrono::microseconds(
      std::min<std::uint64_t>(unsigned_at(object, "latencyMicros"), std::uint64_t{86'400'000'000}));
  record.grant = text("grant");
  record.check = text("check");
  record.uti = text("uti");
  record.oid = text("oid");
  return record;
}

}  // namespace podid::audit
