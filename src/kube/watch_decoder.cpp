// SPDX-License-Identifier: Apache-2.0
#include "kube/watch_decoder.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "kube/status.hpp"

namespace podid::kube {
namespace {

std::optional<WatchEvent::Type> event_type(std::string_view name) {
  if (name == "ADDED") return WatchEvent::Type::added;
  if (name == "MODIFIED") return WatchEvent::Type::modified;
  if (name == "DELETED") return WatchEvent::Type::deleted;
  if (name == "BOOKMARK") return WatchEvent::Type::bookmark;
  return std::nullopt;
}

}  // namespace

base::Result<> WatchDecoder::feed(std::string_view piece, std::vector<WatchEvent>& events) {
  while (true) {
    const std::size_t newline = piece.find('\n');
    const std::string_view part = piece.substr(0, newline);
    if (partial_.size() + part.size() > max_line_bytes_) {
      return base::fail(base::ErrorKind::invalid,
                        fmt::format("a watch event is larger than {} bytes", max_line_bytes_));
    }
    if (newline == std::string_view::npos) {
      partial_ += part;
      return {};
    }
    piece.remove_prefix(newline + 1);
    base::Result<> decoded;
    if (partial_.empty()) {
      decoded = decode_line(part, events);
    } else {
      partial_ += part;
      const std::string line = std::exchange(partial_, {});
      decoded = decode_line(line, events);
    }
    if (!decoded) return decoded;
  }
}

base::Result<> WatchDecoder::finish() const {
  if (base::trim(partial_).empty()) return {};
  return base::fail(base::ErrorKind::unavailable, "the watch ended inside an event");
}

base::Result<> WatchDecoder::decode_line(std::string_view line, std::vector<WatchEvent>& events) const {
  if (base::trim(line).empty()) return {};
  base::Result<json::value> parsed = parse_json(line, "a watch event");
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  const std::string_view name = base::text_at(*parsed, {"type"});
  json::object* event = parsed->if_object();
  json::value* object = event == nullptr ? nullptr : event->if_contains("object");
  if (object == nullptr || !object->is_object()) {
    return base::fail(base::ErrorKind::invalid, "a watch event has no object");
  }
  if (name == "ERROR") return std::unexpected(error_from_status(*object));
  const std::optional<WatchEvent::Type> type = event_type(name);
  if (!type) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("a watch event has the unknown type {}", base::go_quote(name.substr(0, 64))));
  }
  events.push_back({*type, std::move(*object)});
  return {};
}

}  // namespace podid::kube
