// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/journal.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

json::value object_of(std::string_view name, int value) {
  return json::object{{"metadata", json::object{{"name", name}}}, {"value", value}};
}

// A store with its journal, as the server has them.
struct Kept {
  explicit Kept(const std::string& path) {
    auto opened = Journal::open(path, store);
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened) return;
    journal = std::move(*opened);
    store.observe([this](const ChangePtr& change) { journal->append(*change); });
  }
  Store store{1000};
  std::unique_ptr<Journal> journal;
};

TEST(Journal, ARestartFindsObjectsRevisionsAndHistory) {
  const test::TemporaryFolder folder;
  {
    Kept kept(folder.file("state"));
    kept.store.put("pods", "ns", "a", object_of("a", 1));
    kept.store.put("nodes", "", "n", object_of("n", 1));
    kept.store.put("pods", "ns", "a", object_of("a", 2));
    kept.store.put("pods", "ns", "b", object_of("b", 1));
    kept.store.remove("pods", "ns", "b");
  }
  Kept again(folder.file("state"));
  EXPECT_EQ(again.store.revision(), 6U);
  EXPECT_EQ(again.store.size(), 2U);
  EXPECT_EQ(again.store.find("pods", "ns", "a")->revision(), 4U);
  EXPECT_EQ(again.store.find("pods", "ns", "a")->value().at("value"), 2);
  EXPECT_EQ(again.store.changes_after("pods", 2).size(), 3U);
  again.store.put("pods", "ns", "a", object_of("a", 3));
  EXPECT_EQ(again.store.revision(), 7U);
}

TEST(Journal, DropsALineThatACrashCutShort) {
  const test::TemporaryFolder folder;
  {
    Kept kept(folder.file("state"));
    kept.store.put("pods", "ns", "a", object_of("a", 1));
    kept.store.put("pods", "ns", "b", object_of("b", 1));
  }
  std::string text = *base::read_file(folder.file("state"));
  ASSERT_TRUE(base::write_file(folder.file("state"), text.substr(0, text.size() - 5)));
  {
    Kept kept(folder.file("state"));
    EXPECT_EQ(kept.store.size(), 1U);
    kept.store.put("pods", "ns", "c", object_of("c", 1));
  }
  Kept kept(folder.file("state"));
  EXPECT_EQ(kept.store.size(), 2U);
}

TEST(Journal, IsWrittenAnewWhenOldChangesPileUp) {
  const test::TemporaryFolder folder;
  {
    Kept kept(folder.file("state"));
    kept.store.put("pods", "ns", "a", object_of("a", 0));
    for (int i = 0; i < 50'100; ++i) kept.store.put("pods", "ns", "b", object_of("b", i));
  }
  EXPECT_LT(base::read_file(folder.file("state"))->size(), 1'000'000U);
  Kept again(folder.file("state"));
  EXPECT_EQ(again.store.revision(), 50'102U);
  EXPECT_EQ(again.store.size(), 2U);
  EXPECT_EQ(again.store.find("pods", "ns", "a")->revision(), 2U);
  EXPECT_GT(again.store.compacted_revision(), 50'000U);
}

TEST(Journal, RefusesAnotherFile) {
  const test::TemporaryFolder folder;
  for (const std::string_view text : {"hello\n", "{}\n",
                                      R"({"revision":2,"bucket":"pods","name":"a","object":1})"
                                      "\n"}) {
    ASSERT_TRUE(base::write_file(folder.file("state"), text));
    Store store(10);
    const auto journal = Journal::open(folder.file("state"), store);
    ASSERT_FALSE(journal) << text;
    EXPECT_NE(journal.error().message.find("line 1"), std::string::npos) << journal.error().message;
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
