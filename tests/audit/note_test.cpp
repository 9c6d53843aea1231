// SPDX-License-Identifier: Apache-2.0
#include "audit/note.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/text.hpp"

namespace podid::audit {
namespace {

const std::string kText = "example.com/log\n5\n" + base::base64(std::string(32, 'r')) + "\n";

Checkpoint checkpoint_of(std::uint64_t size, char fill, std::string origin = "c/n/1") {
  Checkpoint checkpoint{.origin = std::move(origin), .size = size, .root = {}};
  checkpoint.root.fill(static_cast<unsigned char>(fill));
  return checkpoint;
}

std::string note_of(const SigningKey& key, const std::string& text) { return text + "\n" + key.sign(text).value(); }

// The example of Go's package golang.org/x/mod/sumdb/note.
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
constexpr std::string_view kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

TEST(AuditNote, ANoteOfAnotherProgramIsVerified) {
  const auto key = VerifierKey::parse(kGoKey);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->text(), kGoKey);
  auto note = parse_note(kGoNote);
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(format_note(*note), kGoNote);
  const auto checked = verify_note(*note, {&*key, 1});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->front().key, &*key);
  EXPECT_FALSE(checked->front().unix_seconds);
  note->text[0] = 'i';
  EXPECT_FALSE(verify_note(*note, {&*key, 1}));
}

TEST(AuditNote, AKeyIsReadBackAndSignsAlike) {
  const auto key = SigningKey::generate("example.com/log").value();
  const auto back = SigningKey::parse(key.text());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->verifier().text(), key.verifier().text());
  EXPECT_EQ(back->sign(kText).value(), key.sign(kText).value());
  EXPECT_TRUE(key.text().reveal().starts_with("PRIVATE+KEY+example.com/log+"));
}

TEST(AuditNote, NamesAndKeysThatAreNoneAreRefused) {
  EXPECT_FALSE(SigningKey::generate("with space"));
  EXPECT_FALSE(SigningKey::generate("a+b"));
  EXPECT_FALSE(SigningKey::generate(""));
  const std::string text = SigningKey::generate("n").value().verifier().text();
  EXPECT_TRUE(VerifierKey::parse(text));
  std::string other = text;
  other[2] = other[2] == '0' ? '1' : '0';  // the ID
  EXPECT_FALSE(VerifierKey::parse(other));
  for (const std::string_view bad :
       {"", "n", "n+", "n+12345678", "n+12345678+", "n+1234567g+AAAA", "n+12345678+AAAA"}) {
    EXPECT_FALSE(VerifierKey::parse(bad)) << bad;
    EXPECT_FALSE(SigningKey::parse(base::Secret("PRIVATE+KEY+" + std::string(bad)))) << bad;
  }
  EXPECT_FALSE(SigningKey::parse(base::Secret(text)));
}

TEST(AuditNote, ACosignatureSaysWhen) {
  const auto key = SigningKey::generate("witness").value();
  const std::string line = key.cosign(kText, 1'800'000'000).value();
  const auto note = parse_note(kText + "\n" + line).value();
  const std::array keys{key.verifier(SignatureType::cosignature)};
  const auto checked = verify_note(note, keys);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->front().unix_seconds, 1'800'000'000);
  // Its time is part of what is signed, and it is no plain signature.
  Note other = note;
  other.signatures[0].bytes[7] ^= 1;
  EXPECT_FALSE(verify_note(other, keys));
  const std::array plain{key.verifier()};
  EXPECT_FALSE(verify_note(note, plain));
}

// The example of c2sp.org/tlog-cosignature parses; its keys are not given there.
TEST(AuditNote, TheSpecificationsExampleIsRead) {
  const auto note = parse_note(
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
      "\xE2\x80\x94 example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
      "\xE2\x80\x94 witness.example.com/w1 "
      "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n");
  ASSERT_TRUE(note) << note.error().message;
  ASSERT_EQ(note->signatures.size(), 2);
  EXPECT_EQ(note->signatures[1].bytes.size(), 72);
  const auto checkpoint = parse_checkpoint(note->text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->size, 20852163);
  EXPECT_EQ(checkpoint_text(*checkpoint), note->text);
}

TEST(AuditNote, OneWrongSignatureOfAKnownKeySpoilsTheNote) {
  const auto key = SigningKey::generate("a").value();
  const auto other = SigningKey::generate("b").value();
  auto note = parse_note(kText + "\n" + key.sign(kText).value() + other.sign(kText + "x").value()).value();
  const std::array one{key.verifier()};
  EXPECT_TRUE(verify_note(note, one));
  const std::array both{key.verifier(), other.verifier()};
  EXPECT_FALSE(verify_note(note, both));
  const std::array stranger{SigningKey::generate("a").value().verifier()};
  EXPECT_FALSE(verify_note(note, stranger));
}

TEST(AuditNote, WhatIsNoNoteIsRefused) {
  const std::string line = SigningKey::generate("a").value().sign(kText).value();
  EXPECT_TRUE(parse_note(kText + "\n" + line));
  for (const std::string& bad :
       {std::string(), std::string("\n"), kText, kText + "\n", kText + line,
        kText + "\n" + line.substr(0, line.size() - 1), kText + "\n\n\n", kText + "\n- a AAAAAAAA\n",
        kText + "\n\xE2\x80\x94 a\n", kText + "\n\xE2\x80\x94 a AAAA\n", kText + "\n\xE2\x80\x94 a+b AAAAAAAAAA==\n",
        "\x01" + kText + "\n" + line, kText + "\n" + line + "\n"}) {
    EXPECT_FALSE(parse_note(bad)) << bad;
  }
  std::string many = kText + "\n";
  for (std::size_t i = 0; i <= kMaxSignatures; ++i) many += line;
  EXPECT_FALSE(parse_note(many));
  EXPECT_FALSE(parse_note(std::string(kMaxNote + 1, 'x')));
}

TEST(AuditNote, WhatIsNoCheckpointIsRefused) {
  const std::string root = base::base64(std::string(32, 'r'));
  EXPECT_TRUE(parse_checkpoint("o\n0\n" + root + "\n"));
  EXPECT_TRUE(parse_checkpoint("o\n5\n" + root + "\nextension\n"));
  for (const std::string& bad :
       {"o\n5\n" + root, "\n5\n" + root + "\n", "o\n05\n" + root + "\n", "o\n-1\n" + root + "\n",
        std::string("o\n5\nAAAA\n"), std::string("o\n5\n"), "o\n5\n" + root + "\n\n", "o\n+5\n" + root + "\n",
        "o\n18446744073709551616\n" + root + "\n"}) {
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
  }
}

class WitnessTest : public testing::Test {
 protected:
  Witnessed see(const Checkpoint& now, const std::optional<Checkpoint>& last, const std::vector<Hash>& proof = {}) {
    return witness(note_of(log_, checkpoint_text(now)), log_.verifier(), last, proof, witness_, 1'800'000'000);
  }
  const SigningKey log_ = SigningKey::generate("c/n/1").value();
  const SigningKey witness_ = SigningKey::generate("podid-audit-witness").value();
};

TEST_F(WitnessTest, TheFirstCheckpointIsSignedTwice) {
  const Checkpoint first = checkpoint_of(3, 'a');
  const Witnessed seen = see(first, std::nullopt);
  EXPECT_EQ(seen.verdict, Verdict::cosigned) << seen.why;
  EXPECT_EQ(seen.checkpoint, first);
  const auto note = parse_note(seen.note);
  ASSERT_TRUE(note) << note.error().message;
  const std::array keys{log_.verifier(), witness_.verifier(), witness_.verifier(SignatureType::cosignature)};
  EXPECT_EQ(verify_note(*note, keys).value().size(), 3);
}

TEST_F(WitnessTest, GrowthIsProvenOrRefused) {
  const Hash a = leaf_hash("a");
  const Hash b = leaf_hash("b");
  const Checkpoint one{.origin = "c/n/1", .size = 1, .root = a};
  const Checkpoint two{.origin = "c/n/1", .size = 2, .root = node_hash(a, b)};
  EXPECT_EQ(see(two, one, {b}).verdict, Verdict::cosigned);
  EXPECT_EQ(see(two, one, {}).verdict, Verdict::fork);
  EXPECT_EQ(see(two, one, {a}).verdict, Verdict::fork);
  const Checkpoint forked{.origin = "c/n/1", .size = 2, .root = node_hash(b, a)};
  const Witnessed seen = see(forked, one, {a});
  EXPECT_EQ(seen.verdict, Verdict::fork);
  EXPECT_TRUE(seen.note.empty());
  EXPECT_FALSE(seen.why.empty());
}

TEST_F(WitnessTest, TheSameTreeIsSignedAnewAndAnotherOfItsSizeIsNot) {
  const Checkpoint now = checkpoint_of(3, 'a');
  EXPECT_EQ(see(now, now).verdict, Verdict::unchanged);
  EXPECT_FALSE(see(now, now).note.empty());
  EXPECT_EQ(see(checkpoint_of(3, 'b'), now).verdict, Verdict::fork);
}

TEST_F(WitnessTest, ALogThatShrankIsRefused) {
  const Witnessed seen = see(checkpoint_of(2, 'a'), checkpoint_of(3, 'a'));
  EXPECT_EQ(seen.verdict, Verdict::shrunk);
  EXPECT_TRUE(seen.note.empty());
}

TEST_F(WitnessTest, ANoteThatIsNotTheLogsIsRefused) {
  const std::string text = checkpoint_text(checkpoint_of(3, 'a'));
  const auto verdict = [this](const std::string& note) {
    return witness(note, log_.verifier(), std::nullopt, {}, witness_, 1).verdict;
  };
  EXPECT_EQ(verdict(note_of(SigningKey::generate("c/n/1").value(), text)), Verdict::bad_note);
  EXPECT_EQ(verdict(note_of(log_, checkpoint_text(checkpoint_of(3, 'a', "c/other/1")))), Verdict::bad_note);
  EXPECT_EQ(verdict(note_of(log_, "c/n/1\nnonsense\n")), Verdict::bad_note);
  EXPECT_EQ(verdict("nonsense"), Verdict::bad_note);
}

TEST_F(WitnessTest, SignaturesOfOthersAreNotPassedOn) {
  const std::string text = checkpoint_text(checkpoint_of(3, 'a'));
  const auto stranger = SigningKey::generate("stranger").value();
  const Witnessed seen =
      witness(note_of(log_, text) + stranger.sign(text).value(), log_.verifier(), std::nullopt, {}, witness_, 1);
  ASSERT_EQ(seen.verdict, Verdict::cosigned);
  EXPECT_EQ(seen.note.find("stranger"), std::string::npos);
}

}  // namespace
}  // namespace podid::audit
