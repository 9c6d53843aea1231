// SPDX-License-Identifier: Apache-2.0
#include "net/body_decoder.hpp"

#include <gtest/gtest.h>

#include <string>

namespace podid::net {
namespace {

struct Decoded {
  std::string body;
  std::string rest;
  bool complete = false;
  std::string error = {};
};

// Feeds `input` in pieces of `step` bytes.
Decoded decode(Framing framing, std::uint64_t length, const std::string& input, std::size_t step) {
  BodyDecoder decoder;
  decoder.start(framing, length);
  Decoded result;
  std::size_t at = 0;
  while (at < input.size() && !decoder.complete()) {
    const auto used = decoder.decode(std::string_view(input).substr(at, step), result.body);
    if (!used) {
      result.error = used.error();
      return result;
    }
    at += *used;
  }
  result.rest = input.substr(at);
  result.complete = decoder.complete();
  return result;
}

TEST(BodyDecoder, TakesWhatBelongsToTheBodyHoweverItIsCut) {
  const std::string chunked = "5\r\nhello\r\n1;ext=\"a;b\"\r\n \r\nA\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\nGET /";
  for (std::size_t step = 1; step <= chunked.size(); ++step) {
    const Decoded result = decode(Framing::chunked, 0, chunked, step);
    ASSERT_EQ(result.error, "") << step;
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.body, "hello 0123456789");
    EXPECT_EQ(result.rest, "GET /");
  }
  const Decoded counted = decode(Framing::length, 3, "abcGET", 2);
  EXPECT_EQ(counted.body, "abc");
  EXPECT_EQ(counted.rest, "GET");
  EXPECT_TRUE(decode(Framing::length, 0, "", 1).complete);
  EXPECT_TRUE(decode(Framing::none, 0, "GET", 1).complete);
}

TEST(BodyDecoder, RefusesBadChunks) {
  for (const char* bytes :
       {"x", "\r\n", "5\nhello", "5 \r\nhello", "0x5\r\n", "-1\r\n", "5\r\nhelloX", "5\r\nhello\rX", "5\r\nhello\n",
        "1\rX", "8000000000000000\r\n", "FFFFFFFFFFFFFFFFF\r\n", "1;a\nb", "0\r\nTrailer: \x01", "0\r\n\rX"}) {
    EXPECT_NE(decode(Framing::chunked, 0, bytes, 100).error, "") << bytes;
  }
}

TEST(BodyDecoder, BoundsWhatItIgnores) {
  EXPECT_NE(decode(Framing::chunked, 0, "0\r\n" + std::string(20'000, 't'), 1000).error, "");
  EXPECT_NE(decode(Framing::chunked, 0, "1;" + std::string(20'000, 'e'), 1000).error, "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "1;" + std::string(100, 'e') + "\r\nx\r\n";
  EXPECT_NE(decode(Framing::chunked, 0, many, 1000).error, "") << "in all chunks together";
}

TEST(BodyDecoder, KnowsARegularEndFromABrokenConnection) {
  BodyDecoder decoder;
  std::string body;
  decoder.start(Framing::until_close, 0);
  ASSERT_TRUE(decoder.decode("all of it", body));
  EXPECT_FALSE(decoder.complete());
  EXPECT_TRUE(decoder.complete_at_close());
  decoder.start(Framing::chunked, 0);
  ASSERT_TRUE(decoder.decode("5\r\nhel", body));
  EXPECT_FALSE(decoder.complete_at_close());
  decoder.start(Framing::length, 5);
  EXPECT_FALSE(decoder.complete_at_close());
}

}  // namespace
}  // namespace podid::net
