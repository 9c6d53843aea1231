// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_folder.hpp"

namespace podid::base {
namespace {

using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  std::string path(const char* name) const { return folder.file(name); }
  test::TemporaryFolder folder;
};

TEST_F(FileTest, WritesAndReads) {
  ASSERT_TRUE(write_file(path("a"), "one"));
  ASSERT_TRUE(write_file(path("a"), "two", 0600));
  EXPECT_EQ(*read_file(path("a")), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "no temporary file stays";
  EXPECT_EQ(std::filesystem::status(path("a")).permissions(), std::filesystem::perms(0600));
}

TEST_F(FileTest, ErrorsNameThePath) {
  const auto missing = read_file(path("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr(path("missing") + ": No such file"));
  EXPECT_FALSE(read_file(folder.path()));
  const auto nowhere = write_file(path("no/such"), "x");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("no/such"));
}

TEST_F(FileTest, RefusesAFileOverTheLimit) {
  ASSERT_TRUE(write_file(path("a"), "12345"));
  EXPECT_TRUE(read_file(path("a"), 5));
  const auto large = read_file(path("a"), 4);
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message, HasSubstr("larger than 4 bytes"));
}

}  // namespace
}  // namespace podid::base
