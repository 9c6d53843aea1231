// SPDX-License-Identifier: Apache-2.0
#include "kube/token_source.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/fake_clock.hpp"
#include "support/temporary_folder.hpp"

namespace podid::kube {
namespace {

class TokenFileTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("token"); }
  void write(std::string_view text) { ASSERT_TRUE(base::write_file(path(), text).has_value()); }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
};

TEST_F(TokenFileTest, IsReadAgainAfterAMinute) {
  TokenSource tokens(base::Secret(), path(), clock_);
  write("one\n");
  EXPECT_EQ(tokens.current().value().reveal(), "one");
  write("two");
  clock_.advance(std::chrono::seconds(59));
  EXPECT_EQ(tokens.current().value().reveal(), "one");
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(tokens.current().value().reveal(), "two");
}

TEST_F(TokenFileTest, IsReadAgainAfterARefusal) {
  TokenSource tokens(base::Secret(), path(), clock_);
  write("one");
  EXPECT_EQ(tokens.current().value().reveal(), "one");
  EXPECT_FALSE(tokens.renew_after_refusal());
  write("two");
  EXPECT_TRUE(tokens.renew_after_refusal());
  EXPECT_EQ(tokens.current().value().reveal(), "two");
}

TEST_F(TokenFileTest, LastTokenIsKeptWhileTheFileIsUnreadable) {
  TokenSource tokens(base::Secret(), path(), clock_);
  const auto missing = tokens.current();
  ASSERT_FALSE(missing.has_value());
  EXPECT_TRUE(missing.error().message.contains(path())) << missing.error().message;
  write("one");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(tokens.current().value().reveal(), "one");
  ::unlink(path().c_str());
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(tokens.current().value().reveal(), "one");
}

TEST(TokenSource, FixedTokenIsNotRenewed) {
  test::FakeClock clock;
  TokenSource tokens(base::Secret("fixed"), "", clock);
  EXPECT_EQ(tokens.current().value().reveal(), "fixed");
  EXPECT_FALSE(tokens.renew_after_refusal());
}

TEST(ParseToken, RefusesWhatCannotBeAHeaderField) {
  EXPECT_EQ(parse_token(" abc.def-_~+/= \n").value().reveal(), "abc.def-_~+/=");
  for (const std::string& text :
       {std::string(), std::string("a\nb"), std::string("a b"), std::string("a\0b", 3), std::string(100'000, 'a')}) {
    const auto token = parse_token(text);
    ASSERT_FALSE(token.has_value());
    EXPECT_EQ(token.error().kind, base::ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace podid::kube
