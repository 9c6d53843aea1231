// SPDX-License-Identifier: Apache-2.0
// Answers and their records in the audit log, from the request to the line.
#include "nmi/record/audit_recorder.hpp"

#include <fstream>

#include "base/text.hpp"
#include "nmi/request/request_fixture.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AuditTest : public test::RequestFixture {
 protected:
  void attach(base::Duration fold = {}, bool refuse = true) {
    AuditTrailOptions audit_options;
    audit_options.writer.log.path = log_path;
    audit_options.writer.log.node = "node-a";
    audit_options.writer.ring_folder = folder.file("rings");
    audit_options.writer.ring_capacity = audit::Ring::kMinCapacity;
    audit_options.writer.process = "p1";
    audit_options.writer.fold = fold;
    audit_options.refuse = refuse;
    auto made = AuditTrail::make(std::move(audit_options), writers_clock, metrics,
                                 [this](std::string_view reason, const std::string&) { told.emplace_back(reason); });
    ASSERT_TRUE(made) << made.error().message;
    trail = std::move(*made);
    audit.attach(*trail, 0);
    publish_usual();
  }
  // Asks until there is no room. How many were answered with a token.
  std::uint64_t fill() {
    FixedAsk ask_once(*this);
    std::uint64_t answered = 0;
    while (ask_once()) ++answered;
    return answered;
  }
  // What the log has once the writer has had its turn. Nothing may be asked afterwards.
  std::vector<audit::Record> written() {
    trail->start();
    trail.reset();
    std::vector<audit::Record> records;
    std::ifstream file(folder.file("audit.log"));
    for (std::string line; std::getline(file, line);) {
      auto record = audit::parse_line(line);
      EXPECT_TRUE(record) << line;
      if (record && record->kind != audit::Kind::start) records.push_back(std::move(*record));
    }
    return records;
  }

  // One record after the other, without a connection for each.
  struct FixedAsk {
    explicit FixedAsk(AuditTest& owner) : test(owner), entry(owner.source_entry()) {
      decision.identity = &identity;
      answer.entry = entry.get();
      answer.decision = &decision;
      answer.peer = &peer;
      answer.token = &identity;
      answer.resource = "r";
    }
    bool operator()() { return test.audit.put(answer); }
    AuditTest& test;
    PodEntryPtr entry;
    core::AzureIdentity identity = test::make_identity("shop", "reader");
    core::Decision decision;
    boost::asio::ip::address peer = boost::asio::ip::make_address("127.0.0.5");
    AuditedAnswer answer;
  };
  PodEntryPtr source_entry() {
    SnapshotSource::Reader reader(source);
    return reader.get()->named("shop", "web-0");
  }

  test::TemporaryFolder folder;
  std::string log_path = folder.file("audit.log");
  base::RealClock writers_clock;  // its thread reads it while a test moves the other one
  std::vector<std::string> told;
  std::unique_ptr<AuditTrail> trail;
};

TEST_F(AuditTest, ATokenHandedOutIsARecordOfWhoGotWhat) {
  const std::string payload = base::base64url(R"({"uti":"u-1","oid":"o-1","aud":"x"})");
  tokens.answer = [&](const TokenRequest& request) {
    auto made = tokens.token_for(request);
    made->front().access_token = base::Secret("e30." + payload + ".c2ln");
    return made;
  };
  attach();
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  const base::WallTime asked = clock.wall_now();
  clock.advance(seconds(1));
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  const auto records = written();
  ASSERT_EQ(records.size(), 2u);
  const audit::Record& record = records[0];
  EXPECT_EQ(record.outcome, audit::Outcome::issued);
  EXPECT_EQ(record.time, asked);
  EXPECT_EQ(record.status, 200);
  EXPECT_EQ(record.node, "node-a");
  EXPECT_EQ(record.source, "127.0.0.5");
  EXPECT_EQ(record.ns + "/" + record.pod, "shop/web-0");
  EXPECT_EQ(record.pod_uid, usual_pod().uid);
  EXPECT_EQ(record.binding, "shop/reader-binding");
  EXPECT_EQ(record.identity, "shop/reader");
  EXPECT_EQ(record.identity_type, "managedIdentity");
  EXPECT_EQ(record.resource, "https://vault.azure.net");
  EXPECT_EQ(record.expires, asked + seconds(tokens.lifetime));
  EXPECT_EQ(record.uti, "u-1");
  EXPECT_EQ(record.oid, "o-1");
  EXPECT_FALSE(record.cached);
  EXPECT_TRUE(records[1].cached);
  EXPECT_EQ(records[1].sequence, 2u);
  std::ifstream file(folder.file("audit.log"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(text.contains(payload)) << "a token is in the log";
  EXPECT_FALSE(text.contains(std::string(test::make_identity("shop", "reader").client_id.text()))) << "not redacted";
}

TEST_F(AuditTest, ARecordNamesTheGrantThatAllowedIt) {
  attach(seconds(10));
  FixedAsk ask_once(*this);
  const core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  ask_once.decision.binding = &binding;
  for (const std::string_view grant : {"inc-1", "inc-1", "inc-2"}) {
    ask_once.decision.access.emplace();
    ask_once.decision.access->grant = grant;
    EXPECT_TRUE(ask_once());
  }
  const auto records = written();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].grant, "shop/inc-1");
  EXPECT_EQ(records[0].count, 2u);
  EXPECT_EQ(records[1].grant, "shop/inc-2");
}

TEST_F(AuditTest, RefusalsAreRecordsWithTheCheckThatFailed) {
  attach();
  core::Pod stray = usual_pod();
  stray.name = "stray";
  stray.uid = "uid-stray";
  stray.labels.clear();
  stray.pod_ips = {"127.0.0.7"};
  put(stray);
  publish();
  const int status = ask(test::kTokenPath, "Metadata: true\r\n", "127.0.0.7").status;
  EXPECT_NE(status, 200);
  tokens.answer = [](const TokenRequest&) -> test::FakeTokenSource::Answer {
    return base::fail(base::ErrorKind::unavailable, "no answer");
  };
  EXPECT_EQ(ask(test::kTokenPath).status, 503);
  const auto records = written();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].outcome, audit::Outcome::denied);
  EXPECT_EQ(records[0].status, status);
  EXPECT_EQ(records[0].check, "no_binding_label");
  EXPECT_EQ(records[0].pod, "stray");
  EXPECT_EQ(records[1].outcome, audit::Outcome::failed);
  EXPECT_EQ(records[1].check, "token_error");
  EXPECT_EQ(records[1].identity, "shop/reader");
}

TEST_F(AuditTest, TheSameAnswerWithinTheFoldIsOneRecordWithACount) {
  attach(seconds(1));
  ASSERT_EQ(ask(test::kTokenPath).status, 200);  // fetched
  for (int i = 0; i < 3; ++i) {
    clock.advance(milliseconds(100));
    ASSERT_EQ(ask(test::kTokenPath).status, 200);
  }
  clock.advance(seconds(2));
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  const auto records = written();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].count, 1u);
  EXPECT_EQ(records[1].count, 3u);
  EXPECT_EQ(records[1].last - records[1].time, milliseconds(200));
  EXPECT_EQ(records[2].count, 1u);
}

TEST_F(AuditTest, WithoutRoomATokenWaitsAndIsRefusedAndIsHandedOutAgainLater) {
  attach();
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  const std::uint64_t filled = fill();
  ASSERT_GT(filled, 100u);
  const Pending pending = begin(test::kTokenPath);
  advance(milliseconds(1900));
  EXPECT_FALSE(pending.done());
  advance(milliseconds(200));
  const test::Got got = finish(pending);
  EXPECT_EQ(got.status, 503);
  EXPECT_TRUE(got.has_header("Retry-After: 5"));
  EXPECT_TRUE(got.body.contains("audit log")) << got.body;
  const Pending later = begin(test::kTokenPath);
  trail->start();
  ASSERT_TRUE(test::run_until(io, [&] { return trail->ring(0).empty(); }));
  advance(milliseconds(10));
  EXPECT_EQ(finish(later).status, 200);
  EXPECT_TRUE(metrics.expose().contains(R"(aadpodidentity_nmi_audit_failures_total{what="refused"} 1)"));
  EXPECT_TRUE(metrics.expose().contains("aadpodidentity_nmi_audit_wait_seconds_count 2"));
  trail.reset();
}

TEST_F(AuditTest, WithContinueItIsHandedOutAndTheLogSaysHowManyAreMissing) {
  attach({}, false);
  FixedAsk ask_once(*this);
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(ask_once());
  const auto records = written();
  std::uint64_t issued = 0, missing = 0;
  for (const audit::Record& record : records) {
    if (record.kind == audit::Kind::token) issued += record.count;
    if (record.kind == audit::Kind::gap) missing += record.missing;
  }
  EXPECT_GT(missing, 0u);
  EXPECT_EQ(issued + missing, 2000u);
  EXPECT_EQ(told, (std::vector<std::string>{"AuditLogGap"}));
}

TEST_F(AuditTest, WhatCannotBeWrittenIsToldAndCountedAndKept) {
  log_path = folder.file("logs/audit.log");
  std::ofstream(folder.file("logs")) << "where the folder should be";
  attach();
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  trail->start();
  ASSERT_TRUE(test::run_until(
      io, [&] { return metrics.expose().contains(R"(aadpodidentity_nmi_audit_failures_total{what="write"} 1)"); }));
  std::filesystem::remove(folder.file("logs"));
  trail.reset();
  EXPECT_EQ(told, (std::vector<std::string>{"AuditLogFailed"}));
  std::ifstream file(log_path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(text.contains("shop/reader")) << text;
}

}  // namespace
}  // namespace podid::nmi
