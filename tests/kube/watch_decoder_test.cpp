// SPDX-License-Identifier: Apache-2.0
#include "kube/watch_decoder.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;

constexpr std::string_view kStream = R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}})"
                                     "\n"
                                     R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"2"}}})"
                                     "\r\n\n"
                                     R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}})"
                                     "\n"
                                     R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"4"}}})"
                                     "\n";

base::Error error_of(std::string_view text, std::vector<WatchEvent>& events, std::size_t limit = 1000) {
  WatchDecoder decoder(limit);
  const auto result = decoder.feed(text, events);
  return result ? base::Error{} : result.error();
}

TEST(WatchDecoder, GivesTheSameEventsHoweverTheStreamIsCut) {
  for (std::size_t piece = 1; piece <= kStream.size(); ++piece) {
    WatchDecoder decoder;
    std::vector<WatchEvent> events;
    for (std::size_t at = 0; at < kStream.size(); at += piece) {
      ASSERT_TRUE(decoder.feed(kStream.substr(at, piece), events).has_value());
    }
    ASSERT_TRUE(decoder.finish().has_value());
    ASSERT_EQ(events.size(), 4u) << piece;
    EXPECT_EQ(events[0].type, WatchEvent::Type::added);
    EXPECT_EQ(events[1].type, WatchEvent::Type::modified);
    EXPECT_EQ(events[2].type, WatchEvent::Type::bookmark);
    EXPECT_EQ(events[3].type, WatchEvent::Type::deleted);
    EXPECT_EQ(base::text_at(events[3].object, {"metadata", "resourceVersion"}), "4");
  }
}

TEST(WatchDecoder, ErrorEventIsTheErrorOfItsStatus) {
  std::vector<WatchEvent> events;
  const base::Error error =
      error_of(R"({"type":"ADDED","object":{}})"
               "\n"
               R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})"
               "\n",
               events);
  EXPECT_EQ(error.kind, ErrorKind::gone);
  EXPECT_EQ(error.message, "too old");
  EXPECT_EQ(events.size(), 1u);  // what came before is not lost
}

TEST(WatchDecoder, GarbageIsAnError) {
  for (const std::string_view text : {"garbage\n", "{}\n", "[]\n", "null\n",
                                      R"({"type":"ADDED"})"
                                      "\n",
                                      R"({"type":"ADDED","object":5})"
                                      "\n",
                                      R"({"type":"NEW","object":{}})"
                                      "\n",
                                      R"({"type":5,"object":{}})"
                                      "\n",
                                      R"({"type":"ADDED","object":{}} x)"
                                      "\n"}) {
    std::vector<WatchEvent> events;
    EXPECT_EQ(error_of(text, events).kind, ErrorKind::invalid) << text;
    EXPECT_TRUE(events.empty()) << text;
  }
}

TEST(WatchDecoder, NestingIsLimited) {
  const std::string deep(10'000, '[');
  std::vector<WatchEvent> events;
  EXPECT_EQ(error_of(R"({"type":"ADDED","object":)" + deep + "\n", events, 100'000).kind, ErrorKind::invalid);
}

TEST(WatchDecoder, LineLengthIsLimited) {
  const std::string line = R"({"type":"ADDED","object":{}})";
  std::vector<WatchEvent> events;
  WatchDecoder exact(line.size());
  EXPECT_TRUE(exact.feed(line + "\n" + line + "\n", events).has_value());
  EXPECT_EQ(events.size(), 2u);
  WatchDecoder shorter(line.size() - 1);
  const auto result = shorter.feed(line, events);  // refused before the end of the line has come
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::invalid);
}

TEST(WatchDecoder, EndInsideAnEventIsABreak) {
  WatchDecoder decoder;
  std::vector<WatchEvent> events;
  ASSERT_TRUE(decoder.feed(R"({"type":"ADD)", events).has_value());
  const auto finished = decoder.finish();
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace podid::kube
