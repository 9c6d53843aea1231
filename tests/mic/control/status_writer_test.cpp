// SPDX-License-Identifier: Apache-2.0
#include "mic/control/status_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

#include "base/json.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"

namespace podid::mic {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using ::testing::SizeIs;

const StatusOwner kOwner{.type = kube::kAzureIdentityBindings, .key = {.ns = "shop", .name = "reader"}, .uid = "uid-1"};

class FakeStatusApi final : public StatusApi {
 public:
  base::Task<base::Result<>> write(StatusOwner owner, json::object status) override {
    calls.push_back(owner.key.name);
    if (error) co_return std::unexpected(*error);
    written.push_back(std::move(status));
    co_return base::Result<>();
  }
  std::optional<base::Error> error;
  std::vector<std::string> calls;
  std::vector<json::object> written;
};

ObjectStatus says(bool open, bool valid = true) {
  ObjectStatus status;
  status.members["access"] = json::object{{"open", open}};
  status.condition =
      Condition{.type = "Valid", .holds = valid, .reason = valid ? "Valid" : "Invalid", .message = "text"};
  status.observed_generation = 7;
  return status;
}

class StatusWriterTest : public ::testing::Test {
 public:
  StatusWriterTest() { writer.start(); }
  ~StatusWriterTest() override {
    writer.stop();
    writer.cancel();
    test::run_task(io, writer.drain());
  }
  void run() {
    io.restart();
    io.poll();
  }
  void advance(base::Duration time) {
    clock.advance(time);
    run();
  }

  base::asio::io_context io;
  test::FakeClock clock;
  FakeStatusApi api;
  StatusWriter writer{io.get_executor(), clock, api};
};

TEST_F(StatusWriterTest, OneWriteInTenSecondsOfTheLastWord) {  // D11
  writer.want(kOwner, says(true));
  run();
  ASSERT_THAT(api.written, SizeIs(1));
  EXPECT_EQ(base::text_at(api.written[0].at("conditions").at(0), {"status"}), "True");
  EXPECT_EQ(base::integer_at(api.written[0].at("conditions").at(0), {"observedGeneration"}), 7);
  for (int i = 0; i < 9; ++i) {
    writer.want(kOwner, says(i % 2 == 0));
    advance(1s);
  }
  writer.want(kOwner, says(false));
  run();
  EXPECT_THAT(api.written, SizeIs(1));
  advance(1s);
  ASSERT_THAT(api.written, SizeIs(2));
  EXPECT_EQ(json::serialize(api.written[1]), R"({"access":{"open":false}})");
  advance(1h);
  EXPECT_THAT(api.calls, SizeIs(2)) << "it says what is wanted";
  EXPECT_TRUE(writer.idle());
}

TEST_F(StatusWriterTest, AtOnceWhenTheConditionFlips) {
  writer.want(kOwner, says(true));
  run();
  const std::string since(base::text_at(api.written[0].at("conditions").at(0), {"lastTransitionTime"}));
  advance(3s);
  writer.want(kOwner, says(true, false));
  run();
  ASSERT_THAT(api.written, SizeIs(2));
  const json::value& condition = api.written[1].at("conditions").at(0);
  EXPECT_EQ(base::text_at(condition, {"status"}), "False");
  EXPECT_EQ(base::text_at(condition, {"reason"}), "Invalid");
  EXPECT_NE(base::text_at(condition, {"lastTransitionTime"}), since);
}

TEST_F(StatusWriterTest, WhatIsSaidAlreadyIsNotWritten) {  // after a restart
  json::object known = json::parse(R"({"access": {"open": true}, "conditions": [
      {"type": "Valid", "status": "True", "reason": "Valid", "message": "text", "lastTransitionTime": "2026-01-01T00:00:00Z"},
      {"type": "Other", "status": "True"}]})")
                           .as_object();
  writer.saw(kOwner, known);
  writer.want(kOwner, says(true));
  run();
  EXPECT_THAT(api.calls, SizeIs(0));
  writer.want(kOwner, says(true, false));
  run();
  ASSERT_THAT(api.written, SizeIs(1));
  EXPECT_FALSE(api.written[0].contains("access"));
  EXPECT_THAT(api.written[0].at("conditions").as_array(), SizeIs(2)) << "another's condition stays";
  // Somebody takes it away.
  writer.saw(kOwner, {});
  advance(10s);
  EXPECT_THAT(api.written, SizeIs(2));
}

// Definitions without a status, or without what we write; no right to write it.
TEST_F(StatusWriterTest, WhereItCannotBeWrittenItIsLeftAlone) {
  for (const int status : {404, 422, 403}) {
    base::Error error;
    error.http_status = status;
    error.kind = status == 403 ? base::ErrorKind::denied : base::ErrorKind::invalid;
    api.error = error;
    api.calls.clear();
    writer.want(kOwner, says(status % 2 == 0));
    advance(1h);
    EXPECT_THAT(api.calls, SizeIs(1));
    advance(1h);
    EXPECT_THAT(api.calls, SizeIs(1));
  }
  api.error = std::nullopt;
  writer.want(kOwner, says(true));
  advance(1h);
  EXPECT_THAT(api.written, SizeIs(1));
}

TEST_F(StatusWriterTest, AServerThatIsAwayIsAskedAgain) {
  base::Error away;
  away.kind = base::ErrorKind::unavailable;
  api.error = away;
  writer.want(kOwner, says(true));
  for (int i = 0; i < 3600; ++i) advance(1s);
  EXPECT_GT(api.calls.size(), 10u);
  EXPECT_LT(api.calls.size(), 40u);
  api.error = std::nullopt;
  for (int i = 0; i < 360; ++i) advance(1s);
  EXPECT_THAT(api.written, SizeIs(1));
}

TEST_F(StatusWriterTest, AnObjectThatGoesIsForgotten) {
  writer.want(kOwner, says(true));
  writer.erase(kOwner.type, kOwner.key);
  advance(1h);
  EXPECT_THAT(api.calls, SizeIs(0));
  // One of the same name says nothing yet.
  writer.want(kOwner, says(true));
  run();
  StatusOwner another = kOwner;
  another.uid = "uid-2";
  writer.want(another, says(true));
  advance(1h);
  EXPECT_THAT(api.written, SizeIs(2));
}

}  // namespace
}  // namespace podid::mic
