// SPDX-License-Identifier: Apache-2.0
#include "audit/line_reader.hpp"

#include <gtest/gtest.h>

#include "audit/record.hpp"
#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  std::string file(const std::string& content, const std::string& name = "audit.log") {
    EXPECT_TRUE(base::write_file(folder_.file(name), content));
    return folder_.file(name);
  }
  test::TemporaryFolder folder_;
};

TEST_F(LineReaderTest, GivesWholeLinesAlone) {
  auto reader = LineReader::open(file("a\n\nbc\nhalf"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(**reader->next(), "a");
  EXPECT_EQ(**reader->next(), "");
  EXPECT_EQ(**reader->next(), "bc");
  EXPECT_EQ(reader->offset(), 6);
  EXPECT_FALSE(*reader->next());
  EXPECT_EQ(LineReader::open(folder_.file("none")).error().kind, base::ErrorKind::not_found);
}

TEST_F(LineReaderTest, LinesLongerThanItsBufferAreWhole) {
  std::string content;
  for (int i = 0; i < 40; ++i) content += std::string(60'000, static_cast<char>('a' + i % 26)) + "\n";
  auto reader = LineReader::open(file(content));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(**reader->next(), std::string(60'000, static_cast<char>('a' + i % 26)));
  EXPECT_FALSE(*reader->next());
}

TEST_F(LineReaderTest, ALineLongerThanALogsIsAnError) {
  auto reader = LineReader::open(file(std::string(kMaxLine, 'x') + "\n" + std::string(kMaxLine + 1, 'x') + "\n"));
  EXPECT_TRUE(reader->next());
  EXPECT_FALSE(reader->next());
  auto endless = LineReader::open(file(std::string(1 << 20, 'x')));
  EXPECT_FALSE(endless->next());
}

TEST_F(LineReaderTest, TheIndexIsReadFromTheLinesStart) {
  EXPECT_EQ(index_of(R"({"index":17,"kind":"token"})"), 17);
  EXPECT_EQ(index_of(R"({"index":18446744073709551615,"x":1})"), UINT64_MAX);
  for (const std::string_view bad :
       {R"({"index":17})", R"({"index":,"a":1})", R"({"index":-1,"a":1})", R"({"kind":"token"})", "",
        R"({"index":18446744073709551616,"x":1})", R"( {"index":17,"a":1})"}) {
    EXPECT_FALSE(index_of(bad)) << bad;
  }
  EXPECT_EQ(first_index(file("{\"index\":5,\"a\":1}\n{\"index\":6,\"a\":1}\n")).value(), 5);
  EXPECT_FALSE(first_index(file("{\"index\":5,\"a\":1}")).value());
}

TEST_F(LineReaderTest, TheLastLinesComeNewestFirst) {
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += "line " + std::to_string(i) + " with some text to make it longer\n";
  const std::string path = file(content + "half");
  const auto last = last_lines(path, 15'000);
  ASSERT_TRUE(last);
  ASSERT_EQ(last->size(), 15'000);
  EXPECT_TRUE(last->front().starts_with("line 19999 "));
  EXPECT_TRUE(last->back().starts_with("line 5000 "));
  EXPECT_EQ(last_lines(path, 30'000)->size(), 20'000);
  EXPECT_TRUE(last_lines(file("half"), 3)->empty());
  EXPECT_TRUE(last_lines(file(""), 3)->empty());
  EXPECT_EQ(*last_lines(file("a\n"), 3), (std::vector<std::string>{"a"}));
  EXPECT_EQ(*last_lines(file("\na\n"), 3), (std::vector<std::string>{"a", ""}));
}

TEST_F(LineReaderTest, BackupsAreThoseOfThisLogOldestFirst) {
  for (const std::string name :
       {"audit-2026-01-03T00-00-00.000.log", "audit-2026-01-02T00-00-00.000.log", "audit.log",
        "audit-2026-01-02T00-00-00.000.log.gz", "audit-old.log", "other-2026-01-02T00-00-00.000.log"}) {
    file("", name);
  }
  const std::string log = folder_.file("audit.log");
  EXPECT_EQ(backups_of(log), (std::vector<std::string>{folder_.file("audit-2026-01-02T00-00-00.000.log"),
                                                       folder_.file("audit-2026-01-03T00-00-00.000.log")}));
  EXPECT_EQ(backup_name(log, "2026-01-02T00-00-00.000"), folder_.file("audit-2026-01-02T00-00-00.000.log"));
}

}  // namespace
}  // namespace podid::audit
