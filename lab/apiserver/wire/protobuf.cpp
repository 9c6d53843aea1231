// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/protobuf.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/protobuf_messages.hpp"

namespace podid::lab::apiserver {
namespace {

using Kind = ProtoField::Kind;

constexpr std::string_view kMagic{"k8s\0", 4};

// A field as it stands on the wire.
struct WireField {
  std::uint32_t number = 0;
  std::uint64_t integer = 0;    // of a varint
  std::string_view bytes = {};  // of a length-delimited field
  bool is_varint = false;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }

  // The next field; nothing for malformed bytes. Fixed-size fields, which Kubernetes does not use here, are
  // malformed.
  std::optional<WireField> next() {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    WireField field{.number = static_cast<std::uint32_t>(*tag >> 3)};
    const auto value = varint();
    if (!value) return std::nullopt;
    switch (*tag & 7) {
      case 0:
        field.integer = *value;
        field.is_varint = true;
        return field;
      case 2:
        if (*value > rest_.size()) return std::nullopt;
        field.bytes = rest_.substr(0, *value);
        rest_.remove_prefix(*value);
        return field;
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return std::nullopt;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

// The first length-delimited field of that number, empty where there is none; nothing for malformed bytes.
std::optional<std::string_view> find_bytes(std::string_view message, std::uint32_t number) {
  Reader reader(message);
  while (!reader.at_end()) {
    const auto field = reader.next();
    if (!field) return std::nullopt;
    if (field->number == number && !field->is_varint) return field->bytes;
  }
  return std::string_view{};
}

// Null for the zero time, which Go writes as an empty message.
std::optional<json::value> read_time(std::string_view bytes, bool micro) {
  Reader reader(bytes);
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  bool any = false;
  while (!reader.at_end()) {
    const auto field = reader.next();
    if (!field) return std::nullopt;
    any = true;
    if (field->number == 1) seconds = static_cast<std::int64_t>(field->integer);
    if (field->number == 2) nanos = static_cast<std::int64_t>(field->integer);
  }
  constexpr std::int64_t kYear10000 = 253'402'300'800;
  if (!any || seconds < 0 || seconds >= kYear10000) return json::value();
  if (!micro) return json::value(base::format_rfc3339(base::from_unix_seconds(seconds)));
  const auto fraction =
      std::chrono::duration_cast<base::WallTime::duration>(std::chrono::nanoseconds(nanos % 1'000'000'000));
  return json::value(base::format_rfc3339_micro(base::from_unix_seconds(seconds) + fraction));
}

std::optional<json::value> read_message(std::string_view bytes, const ProtoMessage& message);

std::optional<json::value> read_value(const WireField& wire, const ProtoField& field) {
  const bool wants_varint = field.kind == Kind::integer || field.kind == Kind::boolean;
  if (wants_varint != wire.is_varint) return std::nullopt;
  switch (field.kind) {
    case Kind::text:
      return json::value(wire.bytes);
    case Kind::bytes:
      return json::value(base::base64(wire.bytes));
    case Kind::integer:
      return json::value(static_cast<std::int64_t>(wire.integer));
    case Kind::boolean:
      return json::value(wire.integer != 0);
    case Kind::time:
    case Kind::micro_time:
      return read_time(wire.bytes, field.kind == Kind::micro_time);
    case Kind::message:
      return read_message(wire.bytes, *field.message);
    case Kind::text_map:
    case Kind::bytes_map:
      break;
  }
  return std::nullopt;
}

bool read_map_entry(const WireField& wire, const ProtoField& field, json::object& out) {
  if (wire.is_varint) return false;
  const auto key = find_bytes(wire.bytes, 1);
  const auto value = find_bytes(wire.bytes, 2);
  if (!key || !value) return false;
  object_at(out, field.name)[*key] = field.kind == Kind::bytes_map ? base::base64(*value) : std::string(*value);
  return true;
}

// Go writes the zero values of most fields, which JSON leaves out.
bool is_zero(const json::value& value) { return value.is_null() || (value.is_string() && value.get_string().empty()); }

std::optional<json::value> read_message(std::string_view bytes, const ProtoMessage& message) {
  json::object out;
  Reader reader(bytes);
  while (!reader.at_end()) {
    const auto wire = reader.next();
    if (!wire) return std::nullopt;
    const auto field = std::ranges::find(message.fields, wire->number, &ProtoField::number);
    if (field == message.fields.end()) continue;
    if (field->kind == Kind::text_map || field->kind == Kind::bytes_map) {
      if (!read_map_entry(*wire, *field, out)) return std::nullopt;
      continue;
    }
    auto value = read_value(*wire, *field);
    if (!value) return std::nullopt;
    if (field->repeated) {
      json::value& list = out[field->name];
      if (!list.is_array()) list.emplace_array();
      list.get_array().push_back(std::move(*value));
    } else if (!is_zero(*value)) {
      out[field->name] = std::move(*value);
    }
  }
  return out;
}

}  // namespace

std::optional<json::value> parse_protobuf(std::string_view bytes, std::string& problem) {
  problem = "the body is no Kubernetes protobuf message";
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view envelope = bytes.substr(kMagic.size());
  const auto type = find_bytes(envelope, 1);
  const auto raw = find_bytes(envelope, 2);
  if (!type || !raw) return std::nullopt;
  const auto api_version = find_bytes(*type, 1);
  const auto kind = find_bytes(*type, 2);
  if (!api_version || !kind) return std::nullopt;
  const ProtoMessage* message = proto_message_of(*kind);
  if (message == nullptr) {
    problem = fmt::format("kind {} is not read as protobuf: send JSON", base::go_quote(*kind));
    return std::nullopt;
  }
  auto object = read_message(*raw, *message);
  if (!object) return std::nullopt;
  object->get_object()["apiVersion"] = *api_version;
  object->get_object()["kind"] = *kind;
  return object;
}

}  // namespace podid::lab::apiserver
