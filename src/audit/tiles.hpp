// SPDX-License-Identifier: Apache-2.0
// The tree and its leaves as files, as c2sp.org/tlog-tiles lays them out: tile/<level>/<number>, tile/entries/<number>.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/tree.hpp"

namespace podid::audit {

inline constexpr std::uint64_t kTileWidth = 256;

// Relative paths. `width` of 256 is a full tile, 1 to 255 a partial one.
std::string tile_path(unsigned level, std::uint64_t number, std::uint64_t width);
std::string entries_path(std::uint64_t number, std::uint64_t width);

// The entries of a bundle; an error where it is cut off.
base::Result<std::vector<std::string>> parse_entries(std::string_view bundle);

// Reads the tree of `size` leaves from a folder. Not thread-safe; remembers tiles that it has read.
class TileReader {
 public:
  TileReader(std::string folder, std::uint64_t size) : folder_(std::move(folder)), size_(size) {}
  base::Result<Hash> read(unsigned level, std::uint64_t index);
  // The leaf's bytes; not_found where retention has deleted its bundle.
  base::Result<std::string> entry(std::uint64_t index);
  HashReader reader() {
    return [this](unsigned level, std::uint64_t index) { return read(level, index); };
  }
  // Its hashes, at least as many as belong to the tree. Valid until the next call.
  base::Result<const std::vector<Hash>*> tile(unsigned level, std::uint64_t number);

 private:
  std::string folder_;
  std::uint64_t size_;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Hash>> tiles_;
};

// Writes the files as the tree grows. Not thread-safe. A full tile is written when it is full, partial ones by
// write_partial().
class TileStore {
 public:
  // The tree of `size` leaves, a multiple of 256, whose full tiles are in the folder (partial ones are not looked at).
  static base::Result<TileStore> open(std::string folder, std::uint64_t size);

  // In memory; full tiles wait for flush().
  void append(std::string_view leaf);
  std::uint64_t size() const { return frontier_.size(); }
  Hash root() const { return frontier_.root(); }
  // Tiles that wait.
  std::size_t waiting() const { return waiting_.size(); }
  base::Result<> flush();  // to files, not to the disk: tiles can be made from the lines again
  // The right edge, for a checkpoint of this size; it stays until the full tile takes its place. Flushes before.
  base::Result<> write_partial();
  // Also of the right edge and of what waits.
  base::Result<Hash> read(unsigned level, std::uint64_t index) const { return read_of(size(), level, index); }
  // Bundles whose leaves are all in [first, end).
  void remove_entries(std::uint64_t first, std::uint64_t end);

 private:
  struct File {
    std::string path;  // relative
    std::string bytes;
  };
  explicit TileStore(std::string folder) : folder_(std::move(folder)) {}
  base::Result<Hash> read_of(std::uint64_t size, unsigned level, std::uint64_t index) const;
  void push(unsigned level, const Hash& hash);
  base::Result<> write(const File& file);
  std::vector<File> edge_files() const;

  std::string folder_;
  Frontier frontier_;
  std::vector<std::vector<Hash>> edge_;  // by level: the tile that is not full yet
  std::string bundle_;
  std::vector<File> waiting_;
};

}  // namespace podid::audit
