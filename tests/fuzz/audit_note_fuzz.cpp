// SPDX-License-Identifier: Apache-2.0
// Any bytes as a signed note, a checkpoint, a key or a bundle: what is taken is written again as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "audit/note.hpp"
#include "audit/tiles.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const audit::SigningKey kKey = audit::SigningKey::generate("fuzz").value();
  if (const auto note = audit::parse_note(bytes)) {
    if (audit::format_note(*note) != bytes) std::abort();
    const auto key = kKey.verifier();
    // Nobody but its owner signs for a key that was just made.
    if (audit::verify_note(*note, {&key, 1})) std::abort();
    if (audit::witness(bytes, key, std::nullopt, {}, kKey, 1).verdict != audit::Verdict::bad_note) std::abort();
  }
  if (const auto checkpoint = audit::parse_checkpoint(bytes)) {
    if (!bytes.starts_with(audit::checkpoint_text(*checkpoint))) std::abort();
  }
  if (const auto key = audit::VerifierKey::parse(bytes)) {
    if (audit::VerifierKey::parse(key->text())->key != key->key) std::abort();
  }
  if (const auto entries = audit::parse_entries(bytes)) {
    std::size_t length = 0;
    for (const std::string& entry : *entries) length += entry.size() + 2;
    if (length != size) std::abort();
  }
  return 0;
}
