// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/token_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "sandbox/privileges.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class TokenFileRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ::chmod(folder.path().c_str(), 0755);
    EXPECT_TRUE(base::write_file(folder.file("token"), "first", 0600));
  }
  test::TemporaryFolder folder;
};

TEST_F(TokenFileRootTest, WhoMayReadTheFileReadsWhatItHoldsNow) {
  const TokenFile token(folder.file("token"));
  EXPECT_FALSE(token.is_out_of_reach());
  ASSERT_TRUE(base::write_file(folder.file("token"), "second", 0600));
  EXPECT_EQ(token.read().value_or(""), "second");
}

TEST_F(TokenFileRootTest, WhoMayNotAnyMoreHasWhatWasOpenedAndWhatIsHanded) {
  ASSERT_TRUE(base::write_file(folder.file("next"), "second", 0600));
  EXPECT_EQ(test::in_child([this]() -> std::string {
              TokenFile token(folder.file("token"));
              Descriptor next(::open(folder.file("next").c_str(), O_RDONLY | O_CLOEXEC));
              if (!sandbox::become_user(65532)) return "it is still root";
              if (!token.is_out_of_reach()) return "the file can be opened";
              if (token.read().value_or("") != "first") return "what was opened is lost";
              if (token.read().value_or("") != "first") return "it is read once only";
              token.replace(std::move(next));
              return token.read().value_or("") == "second" ? "" : "what was handed is not read";
            }),
            "");
}

TEST_F(TokenFileRootTest, WithoutAFileNothingIsWanted) { EXPECT_FALSE(TokenFile("").is_out_of_reach()); }

}  // namespace
}  // namespace podid::nmi
