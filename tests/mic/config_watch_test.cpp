// SPDX-License-Identifier: Apache-2.0
#include "mic/config_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::mic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigWatchTest : public ::testing::Test {
 public:
  ~ConfigWatchTest() override {
    if (watch) test::run_task(io, watch->stop());
  }
  void start(const std::string& path, const std::string& content) {
    auto made = ConfigWatch::create(io.get_executor(), path, content,
                                    [this](const std::string& text) { contents.push_back(text); });
    ASSERT_TRUE(made.has_value()) << made.error().message;
    watch = std::move(*made);
  }
  bool heard(std::size_t count) {
    return test::run_until(io, [&] { return contents.size() >= count; });
  }
  void write_in_place(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  test::TemporaryFolder folder;
  base::asio::io_context io;
  std::vector<std::string> contents;
  std::unique_ptr<ConfigWatch> watch;
};

TEST_F(ConfigWatchTest, NoticesWritesInPlaceAndRenames) {
  const std::string path = folder.file("azure.json");
  write_in_place(path, "one");
  start(path, "one");
  write_in_place(path, "two");
  ASSERT_TRUE(heard(1));
  ASSERT_TRUE(base::write_file(path, "three").has_value());
  ASSERT_TRUE(heard(2));
  EXPECT_THAT(contents, ElementsAre("two", "three"));
}

TEST_F(ConfigWatchTest, NoticesTheLinkSwapOfAMountedSecret) {
  namespace fs = std::filesystem;
  fs::create_directory(folder.file("v1"));
  fs::create_directory(folder.file("v2"));
  write_in_place(folder.file("v1/azure.json"), "one");
  write_in_place(folder.file("v2/azure.json"), "two");
  fs::create_symlink("v1", folder.file("..data"));
  fs::create_symlink("..data/azure.json", folder.file("azure.json"));
  start(folder.file("azure.json"), "one");
  fs::create_symlink("v2", folder.file("..data_tmp"));
  fs::rename(folder.file("..data_tmp"), folder.file("..data"));
  ASSERT_TRUE(heard(1));
  EXPECT_THAT(contents, ElementsAre("two"));
}

TEST_F(ConfigWatchTest, TheSameContentIsNoChangeAndNeitherIsAMissingFile) {
  const std::string path = folder.file("azure.json");
  write_in_place(path, "one");
  start(path, "one");
  write_in_place(path, "one");
  std::filesystem::remove(path);
  write_in_place(folder.file("another"), "x");
  write_in_place(path, "two");
  ASSERT_TRUE(heard(1));
  EXPECT_THAT(contents, ElementsAre("two"));
}

TEST_F(ConfigWatchTest, AChangeBeforeTheWatchIsNotMissed) {
  const std::string path = folder.file("azure.json");
  write_in_place(path, "two");
  start(path, "one");
  EXPECT_THAT(contents, ElementsAre("two"));
}

TEST_F(ConfigWatchTest, AMissingDirectoryIsAnErrorThatNamesIt) {
  const auto made = ConfigWatch::create(io.get_executor(), "/no/such/place/azure.json", "", [](const std::string&) {});
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().message, HasSubstr("/no/such/place"));
  EXPECT_THAT(contents, IsEmpty());
}

}  // namespace
}  // namespace podid::mic
