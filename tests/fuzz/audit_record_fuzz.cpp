// SPDX-License-Identifier: Apache-2.0
// Any bytes as a line of the log, and as the texts of a record: a line that we write is always one that we read, and one line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "audit/line_reader.hpp"
#include "audit/record.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(audit::parse_line(bytes));
  static_cast<void>(audit::index_of(bytes));

  audit::RecordView record{.time = {}, .status = 403, .latency = {}};
  record.pod = bytes.substr(0, size / 3);
  record.resource = bytes.substr(size / 3, size / 3);
  record.check = bytes.substr(size / 3 * 2);
  std::string body(audit::kMaxBody, '\0');
  const std::size_t length = audit::encode_body(record, "p", 1, body);
  if (length == 0) std::abort();
  std::string line;
  audit::append_line(line, 7, std::string_view(body).substr(0, length), 2, {});
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  const auto back = audit::parse_line(line);
  if (!back || back->index != 7 || back->count != 2 || back->outcome != audit::Outcome::issued || back->status != 403) {
    std::abort();
  }
  return 0;
}
