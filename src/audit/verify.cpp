// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "audit/line_reader.hpp"
#include "audit/record.hpp"
#include "audit/tiles.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace podid::audit {
namespace {

std::string range(std::uint64_t first, std::uint64_t end) {
  if (end == first + 1) return "record " + std::to_string(first);
  return "records " + std::to_string(first) + " to " + std::to_string(end - 1);
}

// A checkpoint that the lines must agree with.
struct Wanted {
  std::string name;
  Checkpoint checkpoint;
  bool reached = false;
};

class Verification {
 public:
  Verification(std::string path, std::span<const VerifierKey> keys)
      : path_(std::move(path)), tree_(path_ + ".tree"), keys_(keys) {}

  base::Result<VerifyReport> run(const std::optional<std::string>& note) {
    auto origin = base::read_file(tree_ + "/origin", 4096);
    if (origin) report_.origin = base::trim(*origin);
    auto read = read_signed(note);
    if (!read) return std::unexpected(std::move(read.error()));
    read_own();
    auto lines = read_lines();
    if (!lines) return std::unexpected(std::move(lines.error()));
    conclude();
    return std::move(report_);
  }

 private:
  void find(std::string what) {
    ++found_;
    if (report_.findings.size() < VerifyReport::kMaxFindings) report_.findings.push_back(std::move(what));
  }

  base::Result<> read_signed(const std::optional<std::string>& given) {
    std::string bytes;
    if (given) {
      bytes = *given;
    } else {
      auto stored = base::read_file(tree_ + "/cosigned", kMaxNote);
      if (!stored && stored.error().kind != base::ErrorKind::not_found)
        return std::unexpected(std::move(stored.error()));
      if (!stored) {
        const std::string none =
            "no witness has signed this log: whoever is root on the node could have written it anew";
        if (keys_.empty()) {
          report_.remarks.push_back(none);
        } else {
          find(none);
        }
        return {};
      }
      bytes = std::move(*stored);
    }
    auto note = parse_note(bytes);
    auto checkpoint = note ? parse_checkpoint(note->text) : std::unexpected(note.error());
    if (!checkpoint) {
      find("the signed checkpoint: " + checkpoint.error().message);
      return {};
    }
    if (!report_.origin.empty() && checkpoint->origin != report_.origin) {
      find("the signed checkpoint is of " + checkpoint->origin + ", this log says it is " + report_.origin);
    }
    report_.origin = checkpoint->origin;
    if (keys_.empty()) {
      report_.remarks.emplace_back("no key was given: nobody vouches for the checkpoint (--key)");
    } else {
      const auto by = verify_note(*note, keys_);
      if (!by) {
        find("the checkpoint: " + by.error().message);
      } else {
        report_.signed_checkpoint = *checkpoint;
        for (const Signed& one : *by) {
          if (std::ranges::find(report_.signers, one.key->name) == report_.signers.end())
            report_.signers.push_back(one.key->name);
          if (one.unix_seconds) report_.signed_at = one.unix_seconds;
        }
      }
    }
    wanted_.push_back({"the signed checkpoint", std::move(*checkpoint)});
    return {};
  }

  void read_own() {
    auto bytes = base::read_file(tree_ + "/checkpoint", kMaxNote);
    auto note = bytes ? parse_note(*bytes) : std::unexpected(bytes.error());
    auto checkpoint = note ? parse_checkpoint(note->text) : std::unexpected(note.error());
    if (checkpoint) wanted_.push_back({"the log's own checkpoint", std::move(*checkpoint)});
    for (const Wanted& one : wanted_) tree_size_ = std::max(tree_size_, one.checkpoint.size);
  }

  base::Result<> read_lines() {
    std::vector<std::string> files = backups_of(path_);
    if (std::filesystem::exists(path_)) files.push_back(path_);
    if (files.empty()) return base::fail(base::ErrorKind::not_found, "there is no log " + path_);
    TileReader tiles(tree_, tree_size_);
    for (const std::string& file : files) {
      auto reader = LineReader::open(file);
      if (!reader) return std::unexpected(std::move(reader.error()));
      while (true) {
        auto line = reader->next();
        if (!line) return std::unexpected(std::move(line.error()));
        if (!*line) break;
        take(**line, file, tiles);
      }
    }
    return {};
  }

  void take(std::string_view line, const std::string& file, TileReader& tiles) {
    const auto index = index_of(line);
    if (!index) {
      find(file + ": a line without an index after " + (begun_ ? "record " + std::to_string(next_ - 1) : "its start"));
      contiguous_ = false;
      return;
    }
    if (!begun_) {
      begin(*index, tiles);
    } else if (*index > next_) {
      find(range(next_, *index) + (*index == next_ + 1 ? " is missing" : " are missing"));
      contiguous_ = false;
    } else if (*index < next_) {
      find("record " + std::to_string(*index) + " stands after record " + std::to_string(next_ - 1));
      contiguous_ = false;
    }
    next_ = *index + 1;
    compare(line, *index, tiles);
    if (contiguous_) {
      frontier_.append(leaf_hash(line));
      reach();
    }
    remember(line, *index);
  }

  void begin(std::uint64_t index, TileReader& tiles) {
    begun_ = true;
    report_.first = index;
    next_ = index;
    auto edge = Frontier::load(index, tiles.reader());
    if (edge) {
      frontier_ = std::move(*edge);
      reach();
    } else {
      find("the tree of the records before " + std::to_string(index) + " cannot be read: " + edge.error().message);
      contiguous_ = false;
    }
  }

  // Says where; whether it is the line or the tile that was changed, the signed root says.
  void compare(std::string_view line, std::uint64_t index, TileReader& tiles) {
    if (index >= tree_size_) return;
    const auto hash = tiles.read(0, index);
    if (!hash) {
      if (std::exchange(unreadable_tile_, index / kTileWidth) != index / kTileWidth) find(hash.error().message);
    } else if (*hash != leaf_hash(line)) {
      find("record " + std::to_string(index) + " is not the one that the tree has");
    }
    if (index / kTileWidth != bundle_number_) {
      bundle_number_ = index / kTileWidth;
      const std::uint64_t width = std::min(tree_size_ - bundle_number_ * kTileWidth, kTileWidth);
      auto bytes = base::read_file(tree_ + "/" + entries_path(bundle_number_, width), std::size_t{32} << 20);
      auto entries = bytes ? parse_entries(*bytes) : std::unexpected(bytes.error());
      bundle_ = entries ? std::move(*entries) : std::vector<std::string>{};
    }
    const auto at = static_cast<std::size_t>(index % kTileWidth);
    if (at < bundle_.size() && bundle_[at] != line)
      find("record " + std::to_string(index) + " is another one in its bundle");
  }

  // Whether the lines so far have the root of a checkpoint of that many.
  void reach() {
    for (Wanted& one : wanted_) {
      if (one.reached || one.checkpoint.size != frontier_.size()) continue;
      one.reached = true;
      if (frontier_.root() != one.checkpoint.root) {
        find(one.checkpoint.size == 0 ? one.name + " has another root"
                                      : range(0, one.checkpoint.size) + " are not those of " + one.name);
      }
    }
  }

  void remember(std::string_view line, std::uint64_t index) {
    const auto record = parse_line(line);
    if (!record) {
      if (record.error().kind == base::ErrorKind::invalid)
        find("record " + std::to_string(index) + ": " + record.error().message);
      return;
    }
    switch (record->kind) {
      case Kind::token:
        report_.answers += record->count;
        break;
      case Kind::gap:
        report_.missing += record->missing;
        break;
      case Kind::start:
        if (record->reason.starts_with("replaced")) report_.remarks.push_back("an older log was " + record->reason);
        break;
      case Kind::deleted:
        deleted_end_ = std::max(deleted_end_, record->end_index);
        unsigned_deleted_ +=
            record->cosigned ? 0 : record->end_index - std::min(record->first_index, record->end_index);
        break;
      case Kind::rotated:
      case Kind::acknowledged:
        break;
    }
  }

  void conclude() {
    report_.size = next_;
    for (const Wanted& one : wanted_) {
      if (!one.reached && one.checkpoint.size > next_) {
        find(one.name + " has " + std::to_string(one.checkpoint.size) + " records, " + std::to_string(next_) +
             " are there: the end was cut off");
      } else if (!one.reached && contiguous_ && one.checkpoint.size < report_.first) {
        report_.remarks.push_back(one.name + " is older than the first record that is there");
      }
    }
    if (report_.first > 0) {
      if (deleted_end_ < report_.first) {
        find(range(0, report_.first) + " are missing, and the log does not say that they were deleted");
      } else {
        report_.remarks.push_back(range(0, report_.first) + " were deleted by retention, as the log says");
      }
    }
    if (unsigned_deleted_ > 0) {
      report_.remarks.push_back(std::to_string(unsigned_deleted_) +
                                " records were deleted before a witness had signed them");
    }
    if (report_.missing > 0) {
      report_.remarks.push_back(std::to_string(report_.missing) +
                                " answers went out without a record (gap records say so)");
    }
    if (report_.signed_checkpoint && next_ > report_.signed_checkpoint->size) {
      report_.remarks.push_back(range(report_.signed_checkpoint->size, next_) +
                                " are newer than the signed checkpoint");
    }
    if (found_ > report_.findings.size()) {
      report_.findings.push_back("and " + std::to_string(found_ - report_.findings.size()) + " more");
    }
  }

  std::string path_;
  std::string tree_;
  std::span<const VerifierKey> keys_;
  VerifyReport report_;
  std::size_t found_ = 0;
  std::vector<Wanted> wanted_;
  std::uint64_t tree_size_ = 0;  // for which there are tiles
  Frontier frontier_;
  bool begun_ = false;
  bool contiguous_ = true;  // the frontier is that of the lines
  std::uint64_t next_ = 0;
  std::uint64_t unreadable_tile_ = UINT64_MAX;
  std::uint64_t bundle_number_ = UINT64_MAX;
  std::vector<std::string> bundle_;
  std::uint64_t deleted_end_ = 0;
  std::uint64_t unsigned_deleted_ = 0;
};

}  // namespace

base::Result<VerifyReport> verify_log(const std::string& path, std::span<const VerifierKey> keys,
                                      const std::optional<std::string>& note) {
  return Verification(path, keys).run(note);
}

}  // namespace podid::audit
