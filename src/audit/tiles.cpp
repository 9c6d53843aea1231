// SPDX-License-Identifier: Apache-2.0
#include "audit/tiles.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/file.hpp"

namespace podid::audit {
namespace {

constexpr unsigned kTileLevels = 8;  // of the tree, in a tile
constexpr std::size_t kRememberedTiles = 1024;
constexpr std::size_t kMaxBundle = kTileWidth * (65535 + 2);

std::string number_path(std::uint64_t number) {
  std::string path = std::to_string(number % 1000);
  path.insert(0, 3 - path.size(), '0');
  for (number /= 1000; number != 0; number /= 1000) {
    std::string part = std::to_string(number % 1000);
    part.insert(0, 3 - part.size(), '0');
    path.insert(0, "x" + part + "/");
  }
  return path;
}

std::string with_width(std::string path, std::uint64_t width) {
  return width == kTileWidth ? path : path + ".p/" + std::to_string(width);
}

std::string bytes_of(const std::vector<Hash>& hashes) {
  std::string bytes;
  bytes.reserve(hashes.size() * sizeof(Hash));
  for (const Hash& hash : hashes) bytes.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  return bytes;
}

std::vector<Hash> hashes_of(std::string_view bytes) {
  std::vector<Hash> hashes(bytes.size() / sizeof(Hash));
  if (!hashes.empty()) std::memcpy(hashes.data(), bytes.data(), hashes.size() * sizeof(Hash));
  return hashes;
}

// Over 2^levels hashes of a tile.
Hash root_of(const Hash* first, unsigned levels) {
  if (levels == 0) return *first;
  const std::size_t half = std::size_t{1} << (levels - 1);
  return node_hash(root_of(first, levels - 1), root_of(first + half, levels - 1));
}

// Where the hash of a complete subtree is found.
struct Place {
  unsigned tile_level;
  std::uint64_t tile;
  std::size_t first;  // in the tile
  unsigned inner;     // levels above the tile's hashes
};
Place place_of(unsigned level, std::uint64_t index) {
  const unsigned inner = level % kTileLevels;
  const std::uint64_t first = index << inner;
  return {level / kTileLevels, first / kTileWidth, static_cast<std::size_t>(first % kTileWidth), inner};
}

std::uint64_t hashes_at(unsigned tile_level, std::uint64_t size) {
  return tile_level >= 8 ? 0 : size >> (kTileLevels * tile_level);
}

base::Result<Hash> hash_in(const std::vector<Hash>& tile, const Place& place) {
  if (place.first + (std::size_t{1} << place.inner) > tile.size()) {
    return base::fail(base::ErrorKind::invalid, "a tile of the tree is too short");
  }
  return root_of(tile.data() + place.first, place.inner);
}

}  // namespace

std::string tile_path(unsigned level, std::uint64_t number, std::uint64_t width) {
  return with_width("tile/" + std::to_string(level) + "/" + number_path(number), width);
}

std::string entries_path(std::uint64_t number, std::uint64_t width) {
  return with_width("tile/entries/" + number_path(number), width);
}

base::Result<std::vector<std::string>> parse_entries(std::string_view bundle) {
  std::vector<std::string> entries;
  while (!bundle.empty()) {
    const std::size_t length = bundle.size() < 2 ? bundle.size()
                                                 : std::size_t{static_cast<unsigned char>(bundle[0])} << 8 |
                                                       static_cast<unsigned char>(bundle[1]);
    if (bundle.size() < 2 || bundle.size() - 2 < length || entries.size() == kTileWidth) {
      return base::fail(base::ErrorKind::invalid, "a bundle of entries is malformed");
    }
    entries.emplace_back(bundle.substr(2, length));
    bundle.remove_prefix(2 + length);
  }
  return entries;
}

base::Result<const std::vector<Hash>*> TileReader::tile(unsigned level, std::uint64_t number) {
  const auto key = std::pair(level, number);
  if (const auto found = tiles_.find(key); found != tiles_.end()) return &found->second;
  const std::uint64_t there = hashes_at(level, size_);
  if (number * kTileWidth >= there) return base::fail(base::ErrorKind::invalid, "no such tile in a tree of this size");
  const std::uint64_t width = std::min(there - number * kTileWidth, kTileWidth);
  auto bytes = base::read_file(folder_ + "/" + tile_path(level, number, width), kTileWidth * sizeof(Hash));
  // The full tile may be there instead, and begins alike.
  if (!bytes && width != kTileWidth) {
    auto full = base::read_file(folder_ + "/" + tile_path(level, number, kTileWidth), kTileWidth * sizeof(Hash));
    if (full) bytes = std::move(full);
  }
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  if (bytes->size() < width * sizeof(Hash) || bytes->size() % sizeof(Hash) != 0) {
    return base::fail(base::ErrorKind::invalid, folder_ + "/" + tile_path(level, number, width) + " is malformed");
  }
  if (tiles_.size() >= kRememberedTiles) tiles_.clear();
  return &tiles_.emplace(key, hashes_of(*bytes)).first->second;
}

base::Result<Hash> TileReader::read(unsigned level, std::uint64_t index) {
  const Place place = place_of(level, index);
  auto found = tile(place.tile_level, place.tile);
  if (!found) return std::unexpected(std::move(found.error()));
  return hash_in(**found, place);
}

base::Result<std::string> TileReader::entry(std::uint64_t index) {
  if (index >= size_) return base::fail(base::ErrorKind::not_found, "no record of this index");
  const std::uint64_t number = index / kTileWidth;
  const std::uint64_t width = std::min(size_ - number * kTileWidth, kTileWidth);
  auto bundle = base::read_file(folder_ + "/" + entries_path(number, width), kMaxBundle);
  if (!bundle && width != kTileWidth) {
    auto full = base::read_file(folder_ + "/" + entries_path(number, kTileWidth), kMaxBundle);
    if (full) bundle = std::move(full);
  }
  if (!bundle) return bundle;
  auto entries = parse_entries(*bundle);
  if (!entries) return std::unexpected(std::move(entries.error()));
  const auto at = static_cast<std::size_t>(index % kTileWidth);
  if (at >= entries->size()) return base::fail(base::ErrorKind::invalid, "a bundle of entries is too short");
  return std::move((*entries)[at]);
}

base::Result<TileStore> TileStore::open(std::string folder, std::uint64_t size) {
  TileReader disk(folder, size);
  TileStore store(std::move(folder));
  for (unsigned level = 0; hashes_at(level, size) != 0; ++level) {
    const std::uint64_t there = hashes_at(level, size);
    std::vector<Hash>& edge = store.edge_.emplace_back();
    for (std::uint64_t i = there - there % kTileWidth; i < there; ++i) {
      // Of the tiles below, which are full: this one may never have been written.
      const auto whole = disk.tile(level - 1, i);
      if (!whole) return std::unexpected(whole.error());
      if ((*whole)->size() != kTileWidth)
        return base::fail(base::ErrorKind::invalid, "a tile of the tree is too short");
      edge.push_back(root_of((*whole)->data(), kTileLevels));
    }
  }
  auto frontier =
      Frontier::load(size, [&](unsigned level, std::uint64_t index) { return store.read_of(size, level, index); });
  if (!frontier) return std::unexpected(std::move(frontier.error()));
  store.frontier_ = std::move(*frontier);
  return store;
}

void TileStore::push(unsigned level, const Hash& hash) {
  if (edge_.size() <= level) edge_.resize(level + 1);
  edge_[level].push_back(hash);
  if (edge_[level].size() < kTileWidth) return;
  const std::uint64_t number = ((frontier_.size() >> (kTileLevels * level)) - 1) / kTileWidth;
  waiting_.push_back({tile_path(level, number, kTileWidth), bytes_of(edge_[level])});
  const Hash above = root_of(edge_[level].data(), kTileLevels);
  edge_[level].clear();
  push(level + 1, above);
}

void TileStore::append(std::string_view leaf) {
  bundle_ += static_cast<char>(leaf.size() >> 8);
  bundle_ += static_cast<char>(leaf.size() & 0xFF);
  bundle_ += leaf;
  const Hash hash = leaf_hash(leaf);
  frontier_.append(hash);
  if (frontier_.size() % kTileWidth == 0) {
    waiting_.push_back({entries_path(frontier_.size() / kTileWidth - 1, kTileWidth), std::move(bundle_)});
    bundle_.clear();
  }
  push(0, hash);
}

base::Result<> TileStore::write(const File& file) {
  const std::filesystem::path path = folder_ + "/" + file.path;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error)
    return base::fail(base::ErrorKind::internal, "cannot make " + path.parent_path().string() + ": " + error.message());
  auto written = base::write_file(path.string(), file.bytes, 0600);
  if (!written) return written;
  // A full tile takes the place of its partial ones.
  if (path.parent_path().extension() != ".p") std::filesystem::remove_all(path.string() + ".p", error);
  return {};
}

base::Result<> TileStore::flush() {
  while (!waiting_.empty()) {
    auto written = write(waiting_.front());
    if (!written) return written;
    waiting_.erase(waiting_.begin());
  }
  return {};
}

std::vector<TileStore::File> TileStore::edge_files() const {
  std::vector<File> files;
  const std::uint64_t size = frontier_.size();
  for (unsigned level = 0; level < edge_.size(); ++level) {
    if (edge_[level].empty()) continue;
    files.push_back(
        {tile_path(level, hashes_at(level, size) / kTileWidth, edge_[level].size()), bytes_of(edge_[level])});
  }
  if (size % kTileWidth != 0) files.push_back({entries_path(size / kTileWidth, size % kTileWidth), bundle_});
  return files;
}

base::Result<> TileStore::write_partial() {
  auto flushed = flush();
  if (!flushed) return flushed;
  for (const File& file : edge_files()) {
    auto written = write(file);
    if (!written) return written;
  }
  return {};
}

base::Result<Hash> TileStore::read_of(std::uint64_t size, unsigned level, std::uint64_t index) const {
  const Place place = place_of(level, index);
  const std::uint64_t there = hashes_at(place.tile_level, size);
  if (place.tile == there / kTileWidth && place.tile_level < edge_.size())
    return hash_in(edge_[place.tile_level], place);
  const std::string path = tile_path(place.tile_level, place.tile, kTileWidth);
  const auto waits = std::ranges::find(waiting_, path, &File::path);
  if (waits != waiting_.end()) return hash_in(hashes_of(waits->bytes), place);
  auto bytes = base::read_file(folder_ + "/" + path, kTileWidth * sizeof(Hash));
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  return hash_in(hashes_of(*bytes), place);
}

void TileStore::remove_entries(std::uint64_t first, std::uint64_t end) {
  for (std::uint64_t number = first / kTileWidth; (number + 1) * kTileWidth <= end; ++number) {
    std::error_code ignored;
    std::filesystem::remove(folder_ + "/" + entries_path(number, kTileWidth), ignored);
  }
}

}  // namespace podid::audit
