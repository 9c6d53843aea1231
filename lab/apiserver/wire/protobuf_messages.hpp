// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace podid::lab::apiserver {

struct ProtoMessage;

// One field of a message: its number on the wire, its name in JSON, and how its value is read.
struct ProtoField {
  enum class Kind { text, bytes, integer, boolean, time, micro_time, message, text_map, bytes_map };
  std::uint32_t number;
  std::string_view name;
  Kind kind;
  const ProtoMessage* message = nullptr;
  bool repeated = false;
};

struct ProtoMessage {
  std::span<const ProtoField> fields;
};

// The message of a top-level kind ("Secret"), from the generated.proto files of k8s.io/api v0.35; null for
// kinds that are not read.
const ProtoMessage* proto_message_of(std::string_view kind);

}  // namespace podid::lab::apiserver
