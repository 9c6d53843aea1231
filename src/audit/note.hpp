// SPDX-License-Identifier: Apache-2.0
// Signed notes (c2sp.org/signed-note), checkpoints (c2sp.org/tlog-checkpoint) and witnesses' cosignatures
// (c2sp.org/tlog-cosignature, v1). Ed25519 alone.
#pragma once
#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/tree.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::audit {

// What a signature says: the note's text, or also when (a cosignature).
enum class SignatureType : unsigned char { note = 0x01, cosignature = 0x04 };

// A public key, "<name>+<id>+<base64>": Go's note.NewVerifier reads those of type note.
struct VerifierKey {
  std::string name;
  std::uint32_t id = 0;
  SignatureType type = SignatureType::note;
  std::array<unsigned char, 32> key{};

  static base::Result<VerifierKey> parse(std::string_view text);
  std::string text() const;
};

// A private key. Copies share it; thread-safe.
class SigningKey {
 public:
  // `name`: no white space, no '+'.
  static base::Result<SigningKey> generate(std::string name);
  // "PRIVATE+KEY+<name>+<id>+<base64>", as Go's note.GenerateKey writes it.
  static base::Result<SigningKey> parse(const base::Secret& text);
  base::Secret text() const;

  const std::string& name() const { return name_; }
  VerifierKey verifier(SignatureType type = SignatureType::note) const;
  // A signature line of a note's text (with its newline).
  base::Result<std::string> sign(std::string_view note_text) const;
  // A cosignature/v1 line of a checkpoint's text.
  base::Result<std::string> cosign(std::string_view checkpoint_text, std::int64_t unix_seconds) const;

 private:
  struct Key;
  SigningKey() = default;
  static base::Result<SigningKey> from(std::string name, EVP_PKEY* key);
  base::Result<std::string> signature_of(std::string_view message) const;

  std::string name_;
  std::shared_ptr<const Key> key_;
};

struct Signature {
  std::string name;
  std::uint32_t id = 0;
  std::string bytes;  // after the key ID
};

struct Note {
  std::string text;  // ends in a newline
  std::vector<Signature> signatures;
};

inline constexpr std::size_t kMaxNote = 64 * 1024;
inline constexpr std::size_t kMaxSignatures = 64;
base::Result<Note> parse_note(std::string_view bytes);
std::string format_note(const Note& note);

// Which of `keys` signed. An error where one of them is named by a signature that does not hold, or none is.
struct Signed {
  const VerifierKey* key = nullptr;          // into `keys`
  std::optional<std::int64_t> unix_seconds;  // a cosignature's time
};
base::Result<std::vector<Signed>> verify_note(const Note& note, std::span<const VerifierKey> keys);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};
std::string checkpoint_text(const Checkpoint& checkpoint);
base::Result<Checkpoint> parse_checkpoint(std::string_view note_text);

// Whether a log's new checkpoint may be cosigned. `last` is what this witness cosigned last for that origin (nothing:
// the first one is trusted).
enum class Verdict {
  cosigned,
  unchanged,  // the same tree as before: cosigned anew, its time moves
  bad_note,   // no checkpoint, another origin's or not signed by the log's key
  shrunk,     // fewer records than before: truncation
  fork,       // another history: the proof does not hold, or another root at the same size
};
std::string_view to_string(Verdict verdict);
struct Witnessed {
  Verdict verdict = Verdict::bad_note;
  std::string why;        // in words, where it was not cosigned
  Checkpoint checkpoint;  // what the note says, where it says anything
  std::string note;       // with the witness's two signatures (cosignature/v1, and a plain one), where it was cosigned
};
// Pure. `proof`: from last->size to the new size.
Witnessed witness(std::string_view note, const VerifierKey& log_key, const std::optional<Checkpoint>& last,
                  const std::vector<Hash>& proof, const SigningKey& witness_key, std::int64_t unix_seconds);

}  // namespace podid::audit
