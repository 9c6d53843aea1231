// SPDX-License-Identifier: Apache-2.0
#include "audit/log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "audit/line_reader.hpp"
#include "audit/records.hpp"
#include "audit/tiles.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "support/fake_clock.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

class LogTest : public testing::Test {
 protected:
  std::unique_ptr<Log> open() {
    auto log = Log::open(options_, clock_);
    EXPECT_TRUE(log) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
  void append(Log& log, int records) {
    std::vector<std::string> bodies;
    for (int i = 0; i < records; ++i) {
      std::string body(kMaxBody, '\0');
      body.resize(
          encode_body(test::record_of("pod-" + std::to_string(next_)), "p1", static_cast<std::uint64_t>(next_), body));
      ++next_;
      bodies.push_back(std::move(body));
    }
    std::vector<Line> lines;
    for (const std::string& body : bodies) lines.push_back({.body = body, .count = 1, .last = {}});
    const auto appended = log.append(lines, deleted_);
    EXPECT_TRUE(appended) << appended.error().message;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> files = backups_of(path());
    files.push_back(path());
    std::vector<std::string> all;
    for (const std::string& file : files) {
      auto reader = LineReader::open(file);
      EXPECT_TRUE(reader);
      for (auto line = reader->next(); *line; line = reader->next()) all.emplace_back(**line);
    }
    return all;
  }
  std::vector<Kind> kinds() const {
    std::vector<Kind> found;
    for (const std::string& line : lines()) found.push_back(parse_line(line).value().kind);
    return found;
  }
  std::size_t records(Kind kind) const {
    const auto all = kinds();
    return static_cast<std::size_t>(std::ranges::count(all, kind));
  }
  Hash root_of_lines() const {
    Frontier frontier;
    for (const std::string& line : lines()) frontier.append(leaf_hash(line));
    return frontier.root();
  }
  std::string path() const { return options_.path; }
  std::string tree(const std::string& name) const { return path() + ".tree/" + name; }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  LogOptions options_{.path = folder_.file("log/audit.log"), .cluster = "prod", .node = "node 1"};
  int next_ = 1;
  std::vector<DeletedFile> deleted_;
};

TEST_F(LogTest, LinesAreLeavesInTheirOrder) {
  const auto log = open();
  EXPECT_EQ(log->start_reason(), "new");
  EXPECT_TRUE(log->origin().starts_with("prod/node_1/"));
  append(*log, 3);
  append(*log, 700);
  const auto all = lines();
  ASSERT_EQ(all.size(), 703);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(index_of(all[i]), i);
  EXPECT_EQ(log->size(), 703);
  EXPECT_EQ(log->root(), root_of_lines());
}

TEST_F(LogTest, ItGoesOnWhereItWas) {
  std::string origin;
  for (int i = 0; i < 6; ++i) {
    const auto log = open();
    EXPECT_EQ(log->size(), i * 211);
    EXPECT_EQ(log->start_reason(), i == 0 ? "new" : "");
    EXPECT_EQ(origin.empty() ? log->origin() : origin, log->origin());
    origin = log->origin();
    append(*log, 211);
    EXPECT_EQ(log->root(), root_of_lines());
    if (i % 2 == 0) EXPECT_TRUE(log->sync());
    if (i == 3) EXPECT_TRUE(log->checkpoint());
  }
}

TEST_F(LogTest, HalfALineIsCutOff) {
  {
    const auto log = open();
    append(*log, 3);
  }
  std::ofstream(path(), std::ios::app) << R"({"index":3,"kind":"tok)";
  const auto log = open();
  EXPECT_EQ(log->size(), 3);
  append(*log, 1);
  EXPECT_EQ(lines().size(), 4);
  EXPECT_EQ(log->root(), root_of_lines());
}

TEST_F(LogTest, TilesThatAreMissingAreMadeFromTheLines) {
  {
    const auto log = open();
    append(*log, 300);
    EXPECT_TRUE(log->sync());
    append(*log, 600);
  }
  std::filesystem::remove(tree("tile/0/001"));
  std::filesystem::remove(tree("tile/entries/002"));
  const auto log = open();
  EXPECT_EQ(log->start_reason(), "");
  EXPECT_EQ(log->root(), root_of_lines());
  EXPECT_TRUE(std::filesystem::exists(tree("tile/0/001")));
  EXPECT_TRUE(std::filesystem::exists(tree("tile/entries/002")));
}

// A power cut takes tiles that were written, and not yet on the disk; the lines were synced.
TEST_F(LogTest, TilesThatAPowerCutTookAreMadeFromTheLines) {
  const auto cut_power = [this](const std::string& tile, const std::string& left) {
    {
      const auto log = open();
      append(*log, 900);
      EXPECT_TRUE(log->checkpoint());
    }
    ASSERT_TRUE(base::write_file(tree(tile), left));
    std::string mark = base::read_file(tree("synced")).value();
    mark.replace(mark.rfind(' '), std::string::npos, " another-boot\n");
    ASSERT_TRUE(base::write_file(tree("synced"), mark));
    const auto log = open();
    EXPECT_EQ(log->start_reason(), "");
    EXPECT_EQ(log->root(), root_of_lines());
    TileReader reader(path() + ".tree", log->size() / kTileWidth * kTileWidth);
    EXPECT_EQ(reader.entry(300).value(), lines()[300]);
    EXPECT_EQ(reader.read(0, 300).value(), leaf_hash(lines()[300]));
  };
  cut_power("tile/0/001", "");
  cut_power("tile/0/004", std::string(8192, '\0'));
  cut_power("tile/entries/001", "");
  // Even one that should have been written long ago.
  {
    const auto log = open();
    for (int i = 0; i < 5; ++i) {
      clock_.advance(std::chrono::minutes(5));
      append(*log, 1);
      EXPECT_TRUE(log->sync());
    }
  }
  cut_power("tile/0/001", "");
}

// In the NMI's sandbox the id of the boot cannot be read: what was synced is known all the same.
TEST_F(LogTest, WithoutTheIdOfTheBootWhatWasSyncedIsKnown) {
  const auto forget_boot = [this] {
    std::string mark = base::read_file(tree("synced")).value();
    mark.replace(mark.rfind(' '), std::string::npos, " -\n");
    ASSERT_TRUE(base::write_file(tree("synced"), mark));
  };
  {
    const auto log = open();
    append(*log, 900);
    EXPECT_TRUE(log->sync());
  }
  forget_boot();
  {
    const auto log = open();
    EXPECT_EQ(log->start_reason(), "");
    EXPECT_EQ(log->root(), root_of_lines());
  }
  forget_boot();
  std::string text = base::read_file(path()).value();
  text.resize(text.find("{\"index\":890,"));
  ASSERT_TRUE(base::write_file(path(), text));
  EXPECT_NE(open()->start_reason().find("900 were on the disk"), std::string::npos);
}

TEST_F(LogTest, OneProcessAtATime) {
  const auto log = open();
  EXPECT_EQ(Log::open(options_, clock_).error().kind, base::ErrorKind::unavailable);
}

TEST_F(LogTest, ACheckpointIsSignedByTheLogsKey) {
  const auto log = open();
  append(*log, 300);
  const auto note = log->checkpoint();
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(base::read_file(tree("checkpoint")).value(), *note);
  const VerifierKey key = VerifierKey::parse(log->key_text()).value();
  const Note parsed = parse_note(*note).value();
  EXPECT_TRUE(verify_note(parsed, {&key, 1}));
  const Checkpoint checkpoint = parse_checkpoint(parsed.text).value();
  EXPECT_EQ(checkpoint.origin, log->origin());
  EXPECT_EQ(checkpoint.size, 300);
  EXPECT_EQ(checkpoint.root, root_of_lines());
  TileReader reader(path() + ".tree", 300);
  EXPECT_EQ(reader.entry(299).value(), lines()[299]);
  EXPECT_EQ(std::filesystem::status(tree("key")).permissions(), std::filesystem::perms(0600));
}

TEST_F(LogTest, AWitnessIsShownThatItOnlyGrew) {
  const auto witness_key = SigningKey::generate("witness").value();
  const auto log = open();
  std::optional<Checkpoint> last;
  for (const int more : {1, 254, 1, 300, 1000}) {
    append(*log, more);
    const std::string note = log->checkpoint().value();
    const auto proof = log->consistency(last ? last->size : 0, log->size());
    ASSERT_TRUE(proof) << proof.error().message;
    const Witnessed seen =
        witness(note, VerifierKey::parse(log->key_text()).value(), last, *proof, witness_key, 1'800'000'000);
    ASSERT_EQ(seen.verdict, Verdict::cosigned) << seen.why;
    EXPECT_TRUE(log->set_cosigned(seen.note));
    last = seen.checkpoint;
  }
  EXPECT_FALSE(log->consistency(0, log->size() + 1));
  EXPECT_FALSE(log->set_cosigned("nonsense"));
}

// What root on the node may do to the files, and that it shows.
class TamperedLogTest : public LogTest {
 protected:
  void SetUp() override {
    const auto log = open();
    append(*log, 600);
    EXPECT_TRUE(log->checkpoint());
    origin_ = log->origin();
    append(*log, 5);
  }
  void expect_replaced(const std::string& why) {
    const auto log = open();
    ASSERT_TRUE(log);
    EXPECT_TRUE(log->start_reason().starts_with("replaced: ")) << log->start_reason();
    EXPECT_NE(log->start_reason().find(why), std::string::npos) << log->start_reason();
    EXPECT_NE(log->origin(), origin_);
    EXPECT_EQ(log->size(), 0);
    std::size_t aside = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("log"))) {
      aside += entry.path().filename().string().starts_with("audit.log.replaced-") ? 1 : 0;
    }
    EXPECT_EQ(aside, 1);
    append(*log, 3);
    EXPECT_EQ(log->root(), root_of_lines());
  }
  std::string origin_;
};

TEST_F(TamperedLogTest, ATailThatWasCutOff) {
  std::string text = base::read_file(path()).value();
  text.resize(text.find("{\"index\":590,"));
  ASSERT_TRUE(base::write_file(path(), text));
  expect_replaced("600 were on the disk");
}

TEST_F(TamperedLogTest, ATailThatWasReplaced) {
  std::string text = base::read_file(path()).value();
  const std::size_t at = text.find("\"pod\":\"pod-596\"");
  text.replace(at, 15, "\"pod\":\"pod-xxx\"");
  ASSERT_TRUE(base::write_file(path(), text));
  expect_replaced("not those of its checkpoint");
}

TEST_F(TamperedLogTest, ALineThatWasDropped) {
  std::string text = base::read_file(path()).value();
  const std::size_t at = text.find("{\"index\":580,");
  text.erase(at, text.find('\n', at) + 1 - at);
  ASSERT_TRUE(base::write_file(path(), text));
  expect_replaced("record 580 is missing");
}

TEST_F(TamperedLogTest, LinesThatTheTileHasOtherwise) {
  std::string text = base::read_file(path()).value();
  const std::size_t at = text.find("\"pod\":\"pod-100\"");
  text.replace(at, 15, "\"pod\":\"pod-xxx\"");
  ASSERT_TRUE(base::write_file(path(), text));
  std::filesystem::remove(tree("tile/0/000"));
  expect_replaced("not those of its checkpoint");
}

TEST_F(TamperedLogTest, AKeyThatIsGone) {
  std::filesystem::remove(tree("key"));
  expect_replaced("key");
}

TEST_F(TamperedLogTest, ACheckpointOfAnotherKey) {
  const auto other = SigningKey::generate(origin_).value();
  const std::string text = parse_note(base::read_file(tree("checkpoint")).value()).value().text;
  ASSERT_TRUE(base::write_file(tree("checkpoint"), text + "\n" + other.sign(text).value()));
  expect_replaced("not signed by its key");
}

TEST_F(TamperedLogTest, ATreeThatIsGone) {
  std::filesystem::remove_all(path() + ".tree");
  expect_replaced("without its tree");
}

TEST_F(TamperedLogTest, AnotherNodesLog) {
  options_.node = "node-2";
  expect_replaced("another node");
}

TEST_F(LogTest, FilesAreRotatedAndTheLogSaysSo) {
  options_.max_size_mib = 1;
  const auto log = open();
  for (int i = 0; i < 50; ++i) {
    append(*log, 100);
    clock_.advance(std::chrono::seconds(1));
  }
  const auto backups = backups_of(path());
  EXPECT_GE(backups.size(), 2);
  for (const std::string& backup : backups) EXPECT_LE(std::filesystem::file_size(backup), 1 << 20);
  EXPECT_EQ(records(Kind::rotated), backups.size());
  EXPECT_EQ(records(Kind::token), 5000);
  const auto all = lines();
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(index_of(all[i]), i);
  EXPECT_EQ(log->root(), root_of_lines());
  EXPECT_EQ(log->tail(4000).value().back(), all[all.size() - 4000]);
}

TEST_F(LogTest, RotationsAtOneInstantKeepTheirOrder) {
  options_.max_size_mib = 1;
  const auto log = open();
  for (int i = 0; i < 50; ++i) append(*log, 100);
  const auto all = lines();
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(index_of(all[i]), i);
}

TEST_F(LogTest, AKillBetweenTheTwoStepsOfARotationLosesNothing) {
  {
    const auto log = open();
    append(*log, 300);
  }
  std::filesystem::rename(path(), backup_name(path(), "2027-01-15T07-00-00.000"));
  const auto log = open();
  EXPECT_EQ(log->start_reason(), "");
  EXPECT_EQ(log->size(), 300);
  append(*log, 3);
  EXPECT_EQ(log->root(), root_of_lines());
}

TEST_F(LogTest, MoreBackupsThanAllowedAreDeletedAndTheLogSaysWhat) {
  options_.max_size_mib = 1;
  options_.max_backups = 2;
  const auto log = open();
  for (int i = 0; i < 100; ++i) {
    append(*log, 100);
    clock_.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(backups_of(path()).size(), 2);
  ASSERT_GE(deleted_.size(), 3);
  EXPECT_EQ(deleted_[0].first_index, 0);
  EXPECT_EQ(deleted_[1].first_index, deleted_[0].end_index);
  EXPECT_FALSE(deleted_[0].cosigned);
  const std::string first = lines().front();
  EXPECT_EQ(index_of(first), deleted_.back().end_index);
  std::optional<Record> said;
  for (const std::string& line : lines()) {
    Record record = parse_line(line).value();
    if (record.kind == Kind::deleted) said = std::move(record);
  }
  ASSERT_TRUE(said);
  EXPECT_EQ(said->file, deleted_.back().file);
  EXPECT_EQ(said->end_index, deleted_.back().end_index);
  // The tree is whole; of the bundles only those of what is left.
  EXPECT_TRUE(log->checkpoint());
  TileReader reader(path() + ".tree", log->size());
  EXPECT_EQ(root(log->size(), reader.reader()).value(), log->root());
  EXPECT_FALSE(reader.entry(0));
  EXPECT_TRUE(reader.entry(*index_of(first)));
  // And it goes on after a restart.
  EXPECT_TRUE(log->sync());
}

TEST_F(LogTest, AgeDeletesWhatAWitnessHasSigned) {
  options_.max_size_mib = 1;
  options_.max_age_days = 30;
  const auto witness_key = SigningKey::generate("witness").value();
  const auto log = open();
  for (int i = 0; i < 45; ++i) append(*log, 100);
  const std::string note = log->checkpoint().value();
  const std::string text = parse_note(note).value().text;
  ASSERT_TRUE(log->set_cosigned(note + witness_key.sign(text).value()));
  const std::uint64_t signed_size = log->size();
  for (int i = 0; i < 45; ++i) append(*log, 100);
  EXPECT_TRUE(deleted_.empty());
  clock_.advance(std::chrono::hours(24 * 31));
  for (int i = 0; i < 45; ++i) append(*log, 100);
  ASSERT_FALSE(deleted_.empty());
  for (const DeletedFile& file : deleted_) {
    EXPECT_TRUE(file.cosigned);
    EXPECT_LE(file.end_index, signed_size);
  }
  // Older than 30 days as well, and not signed.
  EXPECT_EQ(index_of(lines().front()), deleted_.back().end_index);
  EXPECT_GE(backups_of(path()).size(), 3);
}

TEST_F(LogTest, WithoutAWitnessAgeDeletesAllTheSame) {
  options_.max_size_mib = 1;
  options_.max_age_days = 30;
  {
    const auto log = open();
    for (int i = 0; i < 45; ++i) append(*log, 100);
  }
  clock_.advance(std::chrono::hours(24 * 31));
  const auto log = open();
  EXPECT_TRUE(backups_of(path()).empty());
  append(*log, 1);
  ASSERT_FALSE(deleted_.empty());
  EXPECT_FALSE(deleted_[0].cosigned);
}

// Killed between the two steps of a rotation, and the backup is too old when the next process comes.
TEST_F(LogTest, WhatIsDeletedAtAStartIsSaidExactly) {
  {
    const auto log = open();
    append(*log, 300);
  }
  std::filesystem::rename(path(), backup_name(path(), "2025-01-15T07-00-00.000"));
  const auto log = open();
  append(*log, 1);
  ASSERT_EQ(deleted_.size(), 1);
  EXPECT_EQ(deleted_[0].first_index, 0);
  EXPECT_EQ(deleted_[0].end_index, 300);
  EXPECT_FALSE(deleted_[0].cosigned);
  const Record said = parse_line(lines().front()).value();
  EXPECT_EQ(said.kind, Kind::deleted);
  EXPECT_EQ(said.index, 300);
  EXPECT_EQ(said.end_index, 300);
}

TEST_F(LogTest, AFolderThatCannotBeWrittenIsAnError) {
  options_.path = "/proc/none/audit.log";
  EXPECT_FALSE(Log::open(options_, clock_));
  options_.path = "";
  EXPECT_EQ(Log::open(options_, clock_).error().kind, base::ErrorKind::invalid);
}

}  // namespace
}  // namespace podid::audit
