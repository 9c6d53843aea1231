// SPDX-License-Identifier: Apache-2.0
#include "audit/proof.hpp"

#include <gtest/gtest.h>

#include "audit/log_fixture.hpp"
#include "audit/tiles.hpp"
#include "base/text.hpp"

namespace podid::audit {
namespace {

class ProofTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("audit.log");
  const SigningKey witness_ = SigningKey::generate("podid-audit-witness").value();
  const std::vector<VerifierKey> keys_{witness_.verifier(SignatureType::cosignature)};
};

TEST_F(ProofTest, ARecordIsProvenOfflineAndNoOtherTextIs) {
  test::WrittenLog log(path_);
  log.append_many(600);
  log.cosign(witness_);
  log.append_many(10);
  for (const std::uint64_t index : {0, 255, 256, 599}) {
    const std::string text = format_proof(prove_record(path_, index).value());
    const std::string line = read_record(path_, index).value();
    EXPECT_EQ(index_of(line), index);
    const auto proof = parse_proof(text);
    ASSERT_TRUE(proof) << proof.error().message;
    const auto checked = check_proof(*proof, line, keys_);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_EQ(checked->checkpoint.size, 600);
    EXPECT_EQ(checked->by.front().unix_seconds, 1'800'000'000);
    EXPECT_FALSE(check_proof(*proof, line + " ", keys_));
    const std::vector<VerifierKey> others{SigningKey::generate("podid-audit-witness").value().verifier()};
    EXPECT_FALSE(check_proof(*proof, line, others));
    RecordProof moved = *proof;
    moved.index ^= 1;
    EXPECT_FALSE(check_proof(moved, line, keys_));
  }
  // Newer than any checkpoint, and not there.
  EXPECT_EQ(prove_record(path_, 605).error().kind, base::ErrorKind::not_found);
  EXPECT_EQ(read_record(path_, 610).error().kind, base::ErrorKind::not_found);
  // The log's own checkpoint has what the witness has not seen yet.
  ASSERT_TRUE(log.log().checkpoint());
  const auto own = prove_record(path_, 605);
  ASSERT_TRUE(own) << own.error().message;
  const std::vector<VerifierKey> log_key{VerifierKey::parse(log.log().key_text()).value()};
  EXPECT_TRUE(check_proof(*own, read_record(path_, 605).value(), log_key));
  EXPECT_FALSE(check_proof(*own, read_record(path_, 605).value(), keys_));
}

TEST_F(ProofTest, TilesThatAreNotWhatWasSignedProveNothing) {
  test::WrittenLog log(path_);
  log.append_many(600);
  log.cosign(witness_);
  const std::string tile = path_ + ".tree/tile/0/001";
  std::string bytes = base::read_file(tile).value();
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  ASSERT_TRUE(base::write_file(tile, bytes));
  EXPECT_TRUE(prove_record(path_, 5));  // this tile is no part of its proof
  const auto proof = prove_record(path_, 300);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().kind, base::ErrorKind::invalid);
}

TEST_F(ProofTest, OneOfAMillionTakesAtMostTwoKibibytes) {
  constexpr std::uint64_t kSize = 1'000'000;
  const std::string tree = folder_.file("audit.log.tree");
  auto store = TileStore::open(tree, 0).value();
  for (std::uint64_t i = 0; i < kSize; ++i) {
    store.append(std::to_string(i));
    if (store.waiting() > 512) ASSERT_TRUE(store.flush());
  }
  ASSERT_TRUE(store.write_partial());
  const std::string origin = "production-westeurope-1/aks-nodepool1-12345678-vmss00000a/0123456789abcdef";
  const auto log_key = SigningKey::generate(origin).value();
  const std::string text = checkpoint_text({.origin = origin, .size = kSize, .root = store.root()});
  const Witnessed seen =
      witness(text + "\n" + log_key.sign(text).value(), log_key.verifier(), std::nullopt, {}, witness_, 1'800'000'000);
  ASSERT_TRUE(base::write_file(tree + "/cosigned", seen.note));
  const std::string proof = format_proof(prove_record(path_, 123'456).value());
  EXPECT_LE(proof.size(), 2048);
  EXPECT_TRUE(check_proof(parse_proof(proof).value(), "123456", keys_));
}

TEST_F(ProofTest, WhatIsNoProofIsRefused) {
  const std::string hash = base::base64(std::string(32, 'h'));
  EXPECT_TRUE(parse_proof("c2sp.org/tlog-proof@v1\nindex 5\n" + hash + "\n\nnote"));
  EXPECT_EQ(parse_proof("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 5\n" + hash + "\n\nnote")->note, "note");
  for (const std::string& bad :
       {std::string(), std::string("c2sp.org/tlog-proof@v1\n"), std::string("c2sp.org/tlog-proof@v2\nindex 5\n\n"),
        std::string("c2sp.org/tlog-proof@v1\nindex 05\n\n"), std::string("c2sp.org/tlog-proof@v1\nindex 5\nAAAA\n\n"),
        "c2sp.org/tlog-proof@v1\nindex 5\n" + hash + "\n", "c2sp.org/tlog-proof@v1\n" + hash + "\n\n"}) {
    EXPECT_FALSE(parse_proof(bad)) << bad;
  }
}

}  // namespace
}  // namespace podid::audit
