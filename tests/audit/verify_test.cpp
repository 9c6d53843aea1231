// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "audit/log_fixture.hpp"
#include "audit/tiles.hpp"
#include "base/text.hpp"

namespace podid::audit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VerifyLogTest : public testing::Test {
 protected:
  // 600 records that a witness signed, and 10 more.
  void write() {
    test::WrittenLog log(path_);
    log.append_many(600);
    log.cosign(witness_);
    log.append_many(10);
    origin_ = log.log().origin();
  }
  VerifyReport verify() {
    auto report = verify_log(path_, keys_, std::nullopt);
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : VerifyReport{};
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    auto reader = LineReader::open(path_);
    for (auto line = reader->next(); *line; line = reader->next()) all.emplace_back(**line);
    return all;
  }
  void write_lines(const std::vector<std::string>& all) const {
    std::string text;
    for (const std::string& line : all) text += line + "\n";
    ASSERT_TRUE(base::write_file(path_, text));
  }
  // What root on the node would do after a change: all files anew, but for what the witness has signed.
  void write_anew(const std::vector<std::string>& all) {
    const std::string cosigned = base::read_file(path_ + ".tree/cosigned").value();
    std::filesystem::remove_all(path_ + ".tree/tile");
    auto store = TileStore::open(path_ + ".tree", 0);
    for (const std::string& line : all) {
      store->append(line);
      if (store->size() == 600) ASSERT_TRUE(store->write_partial());
    }
    ASSERT_TRUE(store->write_partial());
    write_lines(all);
    std::filesystem::remove(path_ + ".tree/checkpoint");
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("audit.log");
  std::string origin_;
  const SigningKey witness_ = SigningKey::generate("podid-audit-witness").value();
  std::vector<VerifierKey> keys_{witness_.verifier(), witness_.verifier(SignatureType::cosignature)};
};

TEST_F(VerifyLogTest, ALogThatWasLeftAloneHolds) {
  write();
  const VerifyReport report = verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.origin, origin_);
  EXPECT_EQ(report.first, 0);
  EXPECT_EQ(report.size, 610);
  EXPECT_EQ(report.answers, 610);
  ASSERT_TRUE(report.signed_checkpoint);
  EXPECT_EQ(report.signed_checkpoint->size, 600);
  EXPECT_THAT(report.signers, ElementsAre("podid-audit-witness"));
  EXPECT_EQ(report.signed_at, 1'800'000'000);
  EXPECT_THAT(report.remarks, ElementsAre("records 600 to 609 are newer than the signed checkpoint"));
}

TEST_F(VerifyLogTest, AChangedRecordIsNamed) {
  write();
  test::edit(path_, "\"pod\":\"pod-123\"", "\"pod\":\"pod-xxx\"");
  EXPECT_THAT(verify().findings, Contains(HasSubstr("record 123 is not the one that the tree has")));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("not those of the signed checkpoint")));
}

TEST_F(VerifyLogTest, ADroppedRecordIsNamed) {
  write();
  auto all = lines();
  all.erase(all.begin() + 123);
  write_lines(all);
  EXPECT_THAT(verify().findings, Contains("record 123 is missing"));
}

TEST_F(VerifyLogTest, RecordsInAnotherOrderAreNamed) {
  write();
  auto all = lines();
  std::swap(all[123], all[124]);
  write_lines(all);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("record 123 stands after record 124")));
}

TEST_F(VerifyLogTest, AnEndThatWasCutOffIsNamed) {
  write();
  auto all = lines();
  all.resize(590);
  write_lines(all);
  EXPECT_THAT(verify().findings, Contains("the signed checkpoint has 600 records, 590 are there: the end was cut off"));
}

TEST_F(VerifyLogTest, AForkWithTilesOfItsOwnIsNoneOfTheWitnesss) {
  write();
  auto all = lines();
  const std::size_t at = all[599].find("pod-599");
  all[599].replace(at, 7, "pod-000");
  write_anew(all);
  EXPECT_THAT(verify().findings, ElementsAre("records 0 to 599 are not those of the signed checkpoint"));
}

TEST_F(VerifyLogTest, ADroppedRecordThatWasNumberedOverIsNoneOfTheWitnesss) {
  write();
  auto all = lines();
  all.erase(all.begin() + 50);
  for (std::size_t i = 50; i < all.size(); ++i) {
    all[i].replace(0, all[i].find(','), "{\"index\":" + std::to_string(i));
  }
  write_anew(all);
  EXPECT_THAT(verify().findings, ElementsAre("records 0 to 599 are not those of the signed checkpoint"));
}

TEST_F(VerifyLogTest, ACheckpointOfAnotherKeyDoesNotCount) {
  write();
  const auto other = SigningKey::generate("podid-audit-witness").value();
  keys_ = {other.verifier()};
  EXPECT_THAT(verify().findings, ElementsAre("the checkpoint: signed by none of the known keys"));
  EXPECT_FALSE(verify().signed_checkpoint);
}

TEST_F(VerifyLogTest, WithoutAKeyTheLogIsOnlyComparedWithItself) {
  write();
  keys_.clear();
  EXPECT_TRUE(verify().ok());
  EXPECT_THAT(verify().remarks, Contains(HasSubstr("--key")));
  test::edit(path_, "\"pod\":\"pod-123\"", "\"pod\":\"pod-xxx\"");
  EXPECT_FALSE(verify().ok());
}

TEST_F(VerifyLogTest, ALogThatNobodyHasSignedFailsWhereAKeyIsGiven) {
  {
    test::WrittenLog log(path_);
    log.append_many(3);
  }
  EXPECT_THAT(verify().findings, ElementsAre(HasSubstr("no witness has signed this log")));
  keys_.clear();
  EXPECT_TRUE(verify().ok());
}

TEST_F(VerifyLogTest, ACheckpointThatCameAnotherWayCounts) {
  write();
  const std::string cosigned = base::read_file(path_ + ".tree/cosigned").value();
  auto all = lines();
  all.resize(300);
  write_anew(all);
  std::filesystem::remove(path_ + ".tree/cosigned");
  auto report = verify_log(path_, keys_, cosigned);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->findings, Contains(HasSubstr("the end was cut off")));
  // And one of another log does not.
  const std::string text = checkpoint_text({.origin = "prod/other/1", .size = 0, .root = empty_root()});
  report = verify_log(path_, keys_, text + "\n" + witness_.sign(text).value());
  EXPECT_THAT(report->findings, Contains(HasSubstr("the signed checkpoint is of prod/other/1")));
}

TEST_F(VerifyLogTest, AChangedBundleIsNamed) {
  write();
  test::edit(path_ + ".tree/tile/entries/001", "pod-300", "pod-xxx");
  EXPECT_THAT(verify().findings, ElementsAre("record 300 is another one in its bundle"));
}

TEST_F(VerifyLogTest, WhatRetentionDeletedIsSaidAndTheRestIsProven) {
  {
    test::WrittenLog log(path_, "node-1", 1, 2);
    log.append_many(7000);
    log.cosign(witness_);
  }
  const VerifyReport report = verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_GT(report.first, 0);
  EXPECT_THAT(report.remarks, Contains(HasSubstr("were deleted by retention, as the log says")));
  EXPECT_THAT(report.remarks, Contains(HasSubstr("deleted before a witness had signed them")));

  // A file that somebody else deleted is not excused.
  std::filesystem::remove(backups_of(path_).front());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("the log does not say that they were deleted")));
}

TEST_F(VerifyLogTest, GapsAndReplacedLogsAreSaid) {
  {
    test::WrittenLog log(path_);
    log.append_body(start_body(test::kNoon, "p1", log.log().origin(), "replaced: it was cut off"));
    log.append_body(gap_body(test::kNoon, "p1", 0, 41, 41));
    log.append(test::record_of("a"), 7);
  }
  keys_.clear();
  const VerifyReport report = verify();
  EXPECT_EQ(report.answers, 7);
  EXPECT_EQ(report.missing, 41);
  EXPECT_THAT(report.remarks, Contains("an older log was replaced: it was cut off"));
  EXPECT_THAT(report.remarks, Contains(HasSubstr("41 answers went out without a record")));
}

TEST_F(VerifyLogTest, ALogThatIsNotThereIsAnError) {
  EXPECT_EQ(verify_log(folder_.file("none"), {}, std::nullopt).error().kind, base::ErrorKind::not_found);
}

}  // namespace
}  // namespace podid::audit
