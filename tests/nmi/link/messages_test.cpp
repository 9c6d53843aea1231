// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/messages.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

const std::vector<Message>& all_messages() {
  static const std::vector<Message> all{
      Hello{.keeper = 4711, .proof_key = "a key"},
      Hello{},
      KeeperState{.active = true, .problem = {}, .measured = {}},
      KeeperState{.active = false,
                  .problem = "the redirect was altered and is being put back",
                  .measured = {{.metric = 0, .value = 1}, {.metric = 1, .value = 12345678}}},
      HandedToken{},
      Drain{},
      Ready{.wants_token = true},
      Ready{.wants_token = false},
      Drained{},
      Proven{},
      Fatal{}};
  return all;
}

TEST(Messages, EachIsReadAsItWasWritten) {
  for (const Message& message : all_messages()) {
    const std::string bytes = encode(message);
    EXPECT_LE(bytes.size(), kMostMessageBytes);
    const base::Result<Message> read = decode(bytes);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, message);
  }
}

TEST(Messages, TheFormIsTheOneOfTheDesignPage) {
  EXPECT_EQ(encode(Hello{.keeper = 0x0102, .proof_key = "k"}),
            std::string("\x01\x00\x01\x00\x07\x00\x00\x00\x02\x01\x00\x00\x01\x00k", 15));
  EXPECT_EQ(encode(Ready{.wants_token = true}), std::string("\x10\x00\x01\x00\x01\x00\x00\x00\x01", 9));
}

TEST(Messages, CutOrLengthenedOnesAreRefused) {
  for (const Message& message : all_messages()) {
    const std::string bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode(bytes.substr(0, size))) << size;
    EXPECT_FALSE(decode(bytes + '\0'));
  }
}

TEST(Messages, UnknownVerbsVersionsAndValuesAreRefused) {
  std::string bytes = encode(Drain{});
  bytes[0] = 99;
  EXPECT_FALSE(decode(bytes));
  bytes = encode(Drain{});
  bytes[2] = 2;
  const base::Result<Message> other = decode(bytes);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, base::ErrorKind::unsupported);
  bytes = encode(Ready{.wants_token = true});
  bytes.back() = 2;
  EXPECT_FALSE(decode(bytes));
}

TEST(Messages, ALongProblemIsCutSoThatItFits) {
  const std::string bytes = encode(KeeperState{.active = false,
                                               .problem = std::string(100'000, 'x'),
                                               .measured = std::vector<Measured>(keeper_metrics().size())});
  EXPECT_LE(bytes.size(), kMostMessageBytes);
  const base::Result<Message> read = decode(bytes);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::get<KeeperState>(*read).problem.starts_with("xxx"));
}

TEST(Messages, WhatTheKeeperCountsTheServerShows) {
  base::MetricsRegistry keeper, server;
  EXPECT_TRUE(measure(keeper).empty()) << "nothing was observed";
  keeper.gauge(base::metric::kNmiRedirectActive).find_or_add()->set(1);
  keeper.counter(base::metric::kNmiRedirectRepairs).find_or_add()->increment(2);
  adopt(measure(keeper), server);
  EXPECT_EQ(server.expose(), keeper.expose());
  keeper.gauge(base::metric::kNmiRedirectActive).find_or_add()->set(0);
  keeper.counter(base::metric::kNmiRedirectRepairs).find_or_add()->increment();
  adopt(measure(keeper), server);
  adopt(measure(keeper), server);  // told twice, counted once
  EXPECT_EQ(server.expose(), keeper.expose());
}

TEST(Messages, NumbersThatNobodyCountsAreLeftOut) {
  base::MetricsRegistry server;
  adopt({{.metric = 200, .value = 1}, {.metric = 1, .value = -1}, {.metric = 1, .value = 1e300}}, server);
  EXPECT_EQ(server.counter(base::metric::kNmiRedirectRepairs).find_or_add()->value(), 0);
}

}  // namespace
}  // namespace podid::nmi
