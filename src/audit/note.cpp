// SPDX-License-Identifier: Apache-2.0
#include "audit/note.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "audit/openssl_ptr.hpp"
#include "base/text.hpp"

namespace podid::audit {
namespace {

constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash, space
constexpr std::size_t kSignatureSize = 64;
constexpr std::size_t kTimeSize = 8;

std::unexpected<base::Error> invalid(std::string message) {
  return base::fail(base::ErrorKind::invalid, std::move(message));
}

// What OpenSSL says of an error stays in a queue of the thread, where a TLS connection would take it for its own.
std::unexpected<base::Error> fail_openssl(std::string what) {
  ERR_clear_error();
  return base::fail(base::ErrorKind::internal, std::move(what));
}

std::string big_endian(std::uint64_t value, std::size_t width) {
  std::string bytes(width, '\0');
  for (std::size_t i = width; i-- > 0; value >>= 8U) bytes[i] = static_cast<char>(value & 0xFFU);
  return bytes;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

std::string_view bytes_of(const std::array<unsigned char, 32>& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

std::uint32_t key_id(std::string_view name, SignatureType type, const std::array<unsigned char, 32>& key) {
  std::string named(name);
  named += '\n';
  named += static_cast<char>(type);
  named += bytes_of(key);
  const Hash hash = sha256(named);
  return static_cast<std::uint32_t>(from_big_endian({reinterpret_cast<const char*>(hash.data()), 4}));
}

std::string hex_id(std::uint32_t id) { return base::hex(big_endian(id, 4)); }

// The spaces of Unicode are not all looked for: a name of ours, or of Kubernetes, is ASCII.
bool is_key_name(std::string_view name) {
  return !name.empty() && name.size() <= 512 &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7F && c != '+'; });
}

struct KeyParts {
  std::string name;
  std::uint32_t id;
  SignatureType type;
  std::string key;
};

// "<name>+<8 hex>+<base64 of type and 32 bytes>"
base::Result<KeyParts> parse_key(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return invalid("no key: not of the form name+id+key");
  const std::string_view name = text.substr(0, first);
  const std::string_view id = text.substr(first + 1, second - first - 1);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number, 16);
  auto bytes = base::base64_decode(text.substr(second + 1));
  if (!is_key_name(name) || id.size() != 8 || error != std::errc{} || end != id.data() + id.size() || !bytes) {
    return invalid("no key: not of the form name+id+key");
  }
  if (bytes->size() != 33 || ((*bytes)[0] != 0x01 && (*bytes)[0] != 0x04)) {
    return invalid("no Ed25519 key of a note or a cosignature");
  }
  return KeyParts{std::string(name), number, static_cast<SignatureType>((*bytes)[0]), bytes->substr(1)};
}

bool is_signed(const VerifierKey& key, std::string_view message, std::string_view signature) {
  const KeyPtr pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.key.data(), key.key.size()));
  const DigestPtr context(EVP_MD_CTX_new());
  const bool ok =
      pkey && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  ERR_clear_error();
  return ok;
}

std::string cosigned_message(std::string_view checkpoint_text, std::uint64_t seconds) {
  return "cosignature/v1\ntime " + std::to_string(seconds) + "\n" + std::string(checkpoint_text);
}

std::string signature_line(const VerifierKey& key, std::string_view bytes) {
  return std::string(kDash) + key.name + " " + base::base64(big_endian(key.id, 4) + std::string(bytes)) + "\n";
}

base::Result<Signature> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) return invalid("no signed note: a line after the text is no signature");
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return invalid("no signed note: a signature without a name");
  Signature signature;
  signature.name = line.substr(0, space);
  auto bytes = base::base64_decode(line.substr(space + 1));
  // Only what we would write ourselves: base64 with its padding.
  if (signature.name.empty() || signature.name.contains('+') || !bytes || bytes->size() < 5 ||
      base::base64(*bytes) != line.substr(space + 1)) {
    return invalid("no signed note: a signature is malformed");
  }
  signature.id = static_cast<std::uint32_t>(from_big_endian(std::string_view(*bytes).substr(0, 4)));
  signature.bytes = bytes->substr(4);
  return signature;
}

// Two signatures of one key are two ways to say the same: one suffices, none may be wrong.
base::Result<std::optional<Signed>> verify_by(const VerifierKey& key, const Note& note) {
  std::optional<Signed> found;
  for (const Signature& signature : note.signatures) {
    if (signature.name != key.name || signature.id != key.id) continue;
    std::string message = note.text;
    std::string_view bytes = signature.bytes;
    Signed made{.key = &key, .unix_seconds = {}};
    if (key.type == SignatureType::cosignature) {
      if (bytes.size() != kTimeSize + kSignatureSize) return invalid(key.name + "'s cosignature has the wrong size");
      const std::uint64_t seconds = from_big_endian(bytes.substr(0, kTimeSize));
      if (seconds > INT64_MAX) return invalid(key.name + "'s cosignature has an impossible time");
      made.unix_seconds = static_cast<std::int64_t>(seconds);
      message = cosigned_message(note.text, seconds);
      bytes.remove_prefix(kTimeSize);
    }
    if (!is_signed(key, message, bytes)) return invalid(key.name + "'s signature does not hold");
    found = made;
  }
  return found;
}

bool is_note_text(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

}  // namespace

base::Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  auto parts = parse_key(text);
  if (!parts) return std::unexpected(std::move(parts.error()));
  VerifierKey key{.name = parts->name, .id = parts->id, .type = parts->type, .key = {}};
  std::ranges::copy(parts->key, key.key.begin());
  if (key_id(key.name, key.type, key.key) != key.id) return invalid("the key's ID is not that of its name and bytes");
  return key;
}

std::string VerifierKey::text() const {
  return name + "+" + hex_id(id) + "+" + base::base64(static_cast<char>(type) + std::string(bytes_of(key)));
}

struct SigningKey::Key {
  KeyPtr key;
};

base::Result<SigningKey> SigningKey::from(std::string name, EVP_PKEY* key) {
  KeyPtr owned(key);
  if (!owned) return fail_openssl("no Ed25519 key could be made");
  if (!is_key_name(name)) return invalid("a key's name is ASCII without spaces and '+', at most 512 characters");
  SigningKey made;
  made.name_ = std::move(name);
  made.key_ = std::make_shared<const Key>(std::move(owned));
  return made;
}

base::Result<SigningKey> SigningKey::generate(std::string name) {
  return from(std::move(name), EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

base::Result<SigningKey> SigningKey::parse(const base::Secret& text) {
  constexpr std::string_view kPrefix = "PRIVATE+KEY+";
  std::string_view rest = base::trim(text.reveal());
  if (!rest.starts_with(kPrefix)) return invalid("no private key: it does not begin with PRIVATE+KEY+");
  rest.remove_prefix(kPrefix.size());
  auto parts = parse_key(rest);
  if (!parts) return std::unexpected(std::move(parts.error()));
  const base::Secret seed(std::move(parts->key));
  auto key = from(parts->name, EVP_PKEY_new_raw_private_key(
                                   EVP_PKEY_ED25519, nullptr,
                                   reinterpret_cast<const unsigned char*>(seed.reveal().data()), seed.reveal().size()));
  if (key && key->verifier().id != parts->id) return invalid("the private key's ID is not that of its name and bytes");
  return key;
}

base::Secret SigningKey::text() const {
  std::array<unsigned char, 32> seed{};
  std::size_t size = seed.size();
  EVP_PKEY_get_raw_private_key(key_->key.get(), seed.data(), &size);
  std::string bytes = "\1" + std::string(bytes_of(seed));
  OPENSSL_cleanse(seed.data(), seed.size());
  const base::Secret encoded(base::base64(bytes));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return base::Secret("PRIVATE+KEY+" + name_ + "+" + hex_id(verifier().id) + "+" + std::string(encoded.reveal()));
}

VerifierKey SigningKey::verifier(SignatureType type) const {
  VerifierKey key{.name = name_, .id = 0, .type = type, .key = {}};
  std::size_t size = key.key.size();
  EVP_PKEY_get_raw_public_key(key_->key.get(), key.key.data(), &size);
  key.id = key_id(name_, type, key.key);
  return key;
}

base::Result<std::string> SigningKey::signature_of(std::string_view message) const {
  const DigestPtr context(EVP_MD_CTX_new());
  std::string signature(kSignatureSize, '\0');
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1) {
    return fail_openssl("Ed25519 did not sign");
  }
  return signature;
}

base::Result<std::string> SigningKey::sign(std::string_view note_text) const {
  auto signature = signature_of(note_text);
  if (!signature) return signature;
  return signature_line(verifier(), *signature);
}

base::Result<std::string> SigningKey::cosign(std::string_view checkpoint_text, std::int64_t unix_seconds) const {
  if (unix_seconds < 0) return invalid("a cosignature before 1970");
  const auto seconds = static_cast<std::uint64_t>(unix_seconds);
  auto signature = signature_of(cosigned_message(checkpoint_text, seconds));
  if (!signature) return signature;
  return signature_line(verifier(SignatureType::cosignature), big_endian(seconds, kTimeSize) + *signature);
}

base::Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > kMaxNote) return invalid("no signed note: it is too long");
  if (!is_note_text(bytes)) return invalid("no signed note: it holds control characters");
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos || !bytes.ends_with('\n') || blank + 2 == bytes.size()) {
    return invalid("no signed note: no signatures after an empty line");
  }
  Note note{.text = std::string(bytes.substr(0, blank + 1)), .signatures = {}};
  std::string_view rest = bytes.substr(blank + 2);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    auto signature = parse_signature(rest.substr(0, end));
    if (!signature) return std::unexpected(std::move(signature.error()));
    if (note.signatures.size() == kMaxSignatures) return invalid("no signed note: too many signatures");
    note.signatures.push_back(std::move(*signature));
    rest.remove_prefix(end + 1);
  }
  return note;
}

std::string format_note(const Note& note) {
  std::string out = note.text + "\n";
  for (const Signature& signature : note.signatures) {
    out +=
        std::string(kDash) + signature.name + " " + base::base64(big_endian(signature.id, 4) + signature.bytes) + "\n";
  }
  return out;
}

base::Result<std::vector<Signed>> verify_note(const Note& note, std::span<const VerifierKey> keys) {
  std::vector<Signed> found;
  for (const VerifierKey& key : keys) {
    auto by_key = verify_by(key, note);
    if (!by_key) return std::unexpected(std::move(by_key.error()));
    if (*by_key) found.push_back(**by_key);
  }
  if (found.empty()) return invalid("signed by none of the known keys");
  return found;
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + base::base64(bytes_of(checkpoint.root)) +
         "\n";
}

base::Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto lines = base::split(text, '\n');
  if (lines.size() < 4 || !lines.back().empty() ||
      std::ranges::any_of(lines.begin(), lines.end() - 1, &std::string_view::empty)) {
    return invalid("no checkpoint: not three lines or more");
  }
  const auto size = base::parse_number<std::uint64_t>(lines[1]);
  const auto root = base::base64_decode(lines[2]);
  if (!size || std::to_string(*size) != lines[1] || !root || root->size() != sizeof(Hash) ||
      base::base64(*root) != lines[2]) {
    return invalid("no checkpoint: size or root is malformed");
  }
  Checkpoint checkpoint{.origin = std::string(lines[0]), .size = *size, .root = {}};
  std::ranges::copy(*root, checkpoint.root.begin());
  return checkpoint;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::cosigned:
      return "cosigned";
    case Verdict::unchanged:
      return "unchanged";
    case Verdict::bad_note:
      return "bad_note";
    case Verdict::shrunk:
      return "shrunk";
    case Verdict::fork:
      return "fork";
  }
  return "";
}

Witnessed witness(std::string_view bytes, const VerifierKey& log_key, const std::optional<Checkpoint>& last,
                  const std::vector<Hash>& proof, const SigningKey& witness_key, std::int64_t unix_seconds) {
  Witnessed result;
  const auto refuse = [&result](Verdict verdict, std::string why) {
    result.verdict = verdict;
    result.why = std::move(why);
    return result;
  };
  auto note = parse_note(bytes);
  if (!note) return refuse(Verdict::bad_note, note.error().message);
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return refuse(Verdict::bad_note, checkpoint.error().message);
  result.checkpoint = *checkpoint;
  if (checkpoint->origin != log_key.name)
    return refuse(Verdict::bad_note, "its origin is not the name of its log's key");
  auto checked = verify_note(*note, {&log_key, 1});
  if (!checked) return refuse(Verdict::bad_note, checked.error().message);
  if (last && last->origin == checkpoint->origin) {
    if (checkpoint->size < last->size) {
      return refuse(Verdict::shrunk, "it has " + std::to_string(checkpoint->size) + " records, " +
                                         std::to_string(last->size) + " were witnessed");
    }
    // At the same size there is nothing to prove, whatever the node sends along.
    const bool same_size = checkpoint->size == last->size;
    auto consistent = verify_consistency(last->size, last->root, checkpoint->size, checkpoint->root,
                                         same_size ? std::vector<Hash>{} : proof);
    if (!consistent) return refuse(Verdict::fork, consistent.error().message);
    if (same_size) result.verdict = Verdict::unchanged;
  }
  if (result.verdict != Verdict::unchanged) result.verdict = Verdict::cosigned;
  auto cosigned = witness_key.cosign(note->text, unix_seconds);
  if (!cosigned) return refuse(Verdict::bad_note, cosigned.error().message);
  auto plain = witness_key.sign(note->text);
  if (!plain) return refuse(Verdict::bad_note, plain.error().message);
  // Signatures of others that the node sent along are not passed on as if we had looked at them.
  std::erase_if(note->signatures, [&log_key](const Signature& signature) {
    return signature.name != log_key.name || signature.id != log_key.id;
  });
  result.note = format_note(*note) + *cosigned + *plain;
  return result;
}

}  // namespace podid::audit
