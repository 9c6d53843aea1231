// SPDX-License-Identifier: Apache-2.0
#include "audit/proof.hpp"

#include <algorithm>
#include <filesystem>

#include "audit/line_reader.hpp"
#include "audit/tiles.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace podid::audit {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1";
constexpr std::size_t kMaxPath = 64;

std::unexpected<base::Error> no_proof(std::string_view what) {
  return base::fail(base::ErrorKind::invalid, "no proof of a record: " + std::string(what));
}

// Takes the text up to the next newline off `rest`; nothing where there is none.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

struct SignedCheckpoint {
  std::string note;
  Checkpoint checkpoint;
};

base::Result<SignedCheckpoint> read_checkpoint(const std::string& file) {
  auto bytes = base::read_file(file, kMaxNote);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  auto note = parse_note(*bytes);
  if (!note) return std::unexpected(std::move(note.error()).with_context(file));
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return std::unexpected(std::move(checkpoint.error()).with_context(file));
  return SignedCheckpoint{std::move(*bytes), std::move(*checkpoint)};
}

}  // namespace

std::string format_proof(const RecordProof& proof) {
  std::string text = std::string(kFirstLine) + "\nindex " + std::to_string(proof.index) + "\n";
  for (const Hash& hash : proof.path) {
    text += base::base64({reinterpret_cast<const char*>(hash.data()), hash.size()}) + "\n";
  }
  return text + "\n" + proof.note;
}

base::Result<RecordProof> parse_proof(std::string_view text) {
  if (text.size() > kMaxNote) return no_proof("it is too long");
  if (take_line(text) != kFirstLine) return no_proof("it does not begin with " + std::string(kFirstLine));
  auto line = take_line(text);
  if (line && line->starts_with("extra ")) line = take_line(text);
  if (!line || !line->starts_with("index ")) return no_proof("it has no index");
  const auto index = base::parse_number<std::uint64_t>(line->substr(6));
  if (!index || std::to_string(*index) != line->substr(6)) return no_proof("its index is no number");
  RecordProof proof{.index = *index, .path = {}, .note = {}};
  while (true) {
    line = take_line(text);
    if (!line) return no_proof("it has no checkpoint");
    if (line->empty()) break;
    const auto bytes = base::base64_decode(*line);
    if (!bytes || bytes->size() != sizeof(Hash) || proof.path.size() == kMaxPath)
      return no_proof("a hash is malformed");
    std::ranges::copy(*bytes, proof.path.emplace_back().begin());
  }
  proof.note = text;
  return proof;
}

base::Result<RecordProof> prove_record(const std::string& path, std::uint64_t index) {
  const std::string tree = path + ".tree";
  auto found = read_checkpoint(tree + "/cosigned");
  if (!found && found.error().kind != base::ErrorKind::not_found) return std::unexpected(std::move(found.error()));
  if (!found || found->checkpoint.size <= index) found = read_checkpoint(tree + "/checkpoint");
  if (!found) return std::unexpected(std::move(found.error()));
  const Checkpoint& checkpoint = found->checkpoint;
  if (checkpoint.size <= index) {
    return base::fail(base::ErrorKind::not_found,
                      "the last checkpoint of " + path + " has " + std::to_string(checkpoint.size) +
                          " records: there is no proof of record " + std::to_string(index) + " yet");
  }
  TileReader tiles(tree, checkpoint.size);
  auto proof = inclusion_proof(index, checkpoint.size, tiles.reader());
  if (!proof) return std::unexpected(std::move(proof.error()));
  auto leaf = tiles.read(0, index);
  if (!leaf) return std::unexpected(std::move(leaf.error()));
  auto holds = verify_inclusion(index, checkpoint.size, *leaf, *proof, checkpoint.root);
  if (!holds) return std::unexpected(std::move(holds.error()).with_context(tree + " is not what was signed"));
  return RecordProof{.index = index, .path = std::move(*proof), .note = std::move(found->note)};
}

base::Result<std::string> read_record(const std::string& path, std::uint64_t index) {
  std::vector<std::string> files = backups_of(path);
  files.push_back(path);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    auto first = first_index(*file);
    if (!first || !*first || **first > index) continue;
    auto reader = LineReader::open(*file);
    if (!reader) return std::unexpected(std::move(reader.error()));
    while (true) {
      auto line = reader->next();
      if (!line) return std::unexpected(std::move(line.error()));
      if (!*line) break;
      if (index_of(**line) == index) return std::string(**line);
    }
    break;
  }
  // Bundles say which record is where by their place.
  TileReader tiles(path + ".tree", (index / kTileWidth + 1) * kTileWidth);
  auto entry = tiles.entry(index);
  if (!entry) return base::fail(base::ErrorKind::not_found, path + " has no record " + std::to_string(index));
  return entry;
}

base::Result<CheckedProof> check_proof(const RecordProof& proof, std::string_view line,
                                       std::span<const VerifierKey> keys) {
  auto note = parse_note(proof.note);
  if (!note) return std::unexpected(std::move(note.error()));
  auto by = verify_note(*note, keys);
  if (!by) return std::unexpected(std::move(by.error()).with_context("checkpoint"));
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return std::unexpected(std::move(checkpoint.error()));
  auto holds = verify_inclusion(proof.index, checkpoint->size, leaf_hash(line), proof.path, checkpoint->root);
  if (!holds) return std::unexpected(std::move(holds.error()));
  return CheckedProof{.checkpoint = std::move(*checkpoint), .by = std::move(*by)};
}

}  // namespace podid::audit
