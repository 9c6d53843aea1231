// SPDX-License-Identifier: Apache-2.0
#include "audit/record.hpp"

#include <gtest/gtest.h>

#include "audit/records.hpp"
#include "base/time_text.hpp"
#include "support/allocation_counter.hpp"
#include "support/seeded_random.hpp"

namespace podid::audit {
namespace {

std::string body_of(const RecordView& record, std::uint64_t sequence = 7) {
  std::string body(kMaxBody, '\0');
  body.resize(encode_body(record, "p1", sequence, body));
  return body;
}

std::string line_of(const RecordView& record, std::uint64_t index = 3) {
  std::string line;
  append_line(line, index, body_of(record), 1, record.time);
  return line;
}

TEST(AuditRecord, ALineIsReadBackAsItWas) {
  RecordView record = test::record_of("front-1");
  record.outcome = Outcome::denied;
  record.status = 403;
  record.check = "window: closed until 2026-01-02T00:00:00Z";
  std::string line;
  append_line(line, 12, body_of(record), 5, record.time + std::chrono::milliseconds(900));
  const auto back = parse_line(line);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->kind, Kind::token);
  EXPECT_EQ(back->index, 12);
  EXPECT_EQ(back->process, "p1");
  EXPECT_EQ(back->sequence, 7);
  EXPECT_EQ(back->time, record.time);
  EXPECT_EQ(back->count, 5);
  EXPECT_EQ(back->last, record.time + std::chrono::milliseconds(900));
  EXPECT_EQ(back->outcome, Outcome::denied);
  EXPECT_EQ(back->status, 403);
  EXPECT_EQ(back->node, record.node);
  EXPECT_EQ(back->source, record.source);
  EXPECT_EQ(back->ns, record.ns);
  EXPECT_EQ(back->pod, record.pod);
  EXPECT_EQ(back->pod_uid, record.pod_uid);
  EXPECT_EQ(back->service_account, record.service_account);
  EXPECT_EQ(back->binding, record.binding);
  EXPECT_EQ(back->identity, record.identity);
  EXPECT_EQ(back->identity_type, record.identity_type);
  EXPECT_EQ(back->client_id, record.client_id);
  EXPECT_EQ(back->resource, record.resource);
  EXPECT_TRUE(back->cached);
  EXPECT_EQ(back->expires, record.expires);
  EXPECT_EQ(back->latency, record.latency);
  EXPECT_EQ(back->grant, record.grant);
  EXPECT_EQ(back->check, record.check);
  EXPECT_EQ(back->uti, record.uti);
  EXPECT_EQ(back->oid, record.oid);
}

TEST(AuditRecord, ALineIsAsTheManualShowsIt) {
  const RecordView record{
      .time = test::kNoon + std::chrono::microseconds(1234), .node = "n", .pod = "a", .latency = {}};
  EXPECT_EQ(line_of(record),
            R"({"index":3,"kind":"token","time":"2027-01-15T08:00:00.001234Z","process":"p1","sequence":7,)"
            R"("outcome":"issued","status":200,"node":"n","pod":"a"})");
}

TEST(AuditRecord, WithoutATreeALineHasNoIndex) {
  std::string line;
  append_line(line, std::nullopt, body_of(test::record_of("a")), 1, {});
  const auto back = parse_line(line);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_FALSE(back->index);
}

TEST(AuditRecord, TimesAreThoseOfTheOtherFormatter) {
  test::SeededRandom random;
  for (int i = 0; i < 2000; ++i) {
    RecordView record = test::record_of("a");
    record.time = base::WallTime(std::chrono::microseconds(random.below(std::size_t{4'000'000'000'000'000})));
    EXPECT_NE(line_of(record).find("\"time\":\"" + base::format_rfc3339_micro(record.time) + "\""), std::string::npos);
  }
}

TEST(AuditRecord, WhatAClientWroteCannotEndTheTextOrActOnATerminal) {
  RecordView record = test::record_of("a");
  record.resource = "x\",\"outcome\":\"denied\n\\\x1b[2J\x7f\xc2\x9b\xe2\x80\xae";
  const std::string line = line_of(record);
  for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << int(c);
  EXPECT_NE(line.find(R"(\u001b[2J\u007f\u009b\u202e)"), std::string::npos) << line;
  const auto back = parse_line(line);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->resource, record.resource);
  EXPECT_EQ(back->outcome, Outcome::issued);
}

TEST(AuditRecord, ALongTextIsCutAtACharacter) {
  const std::string euro = "\xe2\x82\xac";
  std::string text;
  for (int i = 0; i < 400; ++i) text += euro;
  RecordView record = test::record_of("a");
  record.resource = text;
  const auto back = parse_line(line_of(record));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->resource, text.substr(0, 510) + "…");
  record.resource = std::string_view(text).substr(0, 510);
  EXPECT_EQ(parse_line(line_of(record))->resource, text.substr(0, 510));
}

TEST(AuditRecord, BytesThatAreNoTextAreMended) {
  for (const std::string_view bad : {"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\x80"}) {
    RecordView record = test::record_of("a");
    record.resource = bad;
    const auto back = parse_line(line_of(record));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_NE(back->resource.find("\xef\xbf\xbd"), std::string::npos);
  }
}

TEST(AuditRecord, TheWorstTextsFitInALine) {
  const std::string worst(100'000, '\x01');
  RecordView record = test::record_of(worst);
  for (auto text :
       {&RecordView::node, &RecordView::source, &RecordView::ns, &RecordView::pod_uid, &RecordView::service_account,
        &RecordView::binding, &RecordView::identity, &RecordView::identity_type, &RecordView::client_id,
        &RecordView::resource, &RecordView::grant, &RecordView::check, &RecordView::uti, &RecordView::oid}) {
    record.*text = worst;
  }
  std::string body(kMaxBody, '\0');
  const std::size_t length = encode_body(record, std::string(63, 'p'), UINT64_MAX, body);
  ASSERT_GT(length, 0);
  std::string line;
  append_line(line, UINT64_MAX, std::string_view(body).substr(0, length), UINT64_MAX, record.time);
  EXPECT_LE(line.size(), kMaxLine);
  EXPECT_TRUE(parse_line(line));
}

TEST(AuditRecord, WithoutRoomNothingIsWritten) {
  const std::string whole = body_of(test::record_of("a"));
  for (std::size_t room = 0; room < whole.size(); ++room) {
    std::string body(room, '\0');
    EXPECT_EQ(encode_body(test::record_of("a"), "p1", 7, body), 0);
  }
  std::string body(whole.size(), '\0');
  EXPECT_EQ(encode_body(test::record_of("a"), "p1", 7, body), whole.size());
}

TEST(AuditRecord, EncodingAllocatesNothing) {
  std::string body(kMaxBody, '\0');
  const RecordView record = test::record_of("a");
  const std::size_t before = test::allocations();
  encode_body(record, "p1", 7, body);
  EXPECT_EQ(test::allocations(), before);
}

TEST(AuditRecord, TheLogsOwnRecordsAreReadBack) {
  const auto read = [](const std::string& body) {
    std::string line;
    append_line(line, 0, body, 1, {});
    return parse_line(line).value();
  };
  const Record gap = read(gap_body(test::kNoon, "p1", 2, 40, 100));
  EXPECT_EQ(gap.kind, Kind::gap);
  EXPECT_EQ(gap.worker, 2);
  EXPECT_EQ(gap.missing, 40);
  EXPECT_EQ(gap.missing_total, 100);
  const Record start = read(start_body(test::kNoon, "p1", "c/n/1", "replaced: why"));
  EXPECT_EQ(start.kind, Kind::start);
  EXPECT_EQ(start.origin, "c/n/1");
  EXPECT_EQ(start.reason, "replaced: why");
  EXPECT_EQ(read(rotated_body(test::kNoon, "audit-x.log")).file, "audit-x.log");
  const Record deleted = read(deleted_body(test::kNoon, "audit-x.log", 5, 9, true));
  EXPECT_EQ(deleted.kind, Kind::deleted);
  EXPECT_EQ(deleted.first_index, 5);
  EXPECT_EQ(deleted.end_index, 9);
  EXPECT_TRUE(deleted.cosigned);
  EXPECT_EQ(read(acknowledged_body(test::kNoon, 17)).through, 17);
}

TEST(AuditRecord, WhatIsNoRecordIsRefused) {
  for (const std::string_view line :
       {"", "{", "[]", "null", R"({"kind":"token"})", R"({"kind":"other","time":"2026-01-01T00:00:00Z"})",
        R"({"kind":"token","time":"yesterday","outcome":"issued"})",
        R"({"kind":"token","time":"2026-01-01T00:00:00Z","outcome":"stolen"})"}) {
    EXPECT_FALSE(parse_line(line)) << line;
  }
  EXPECT_FALSE(
      parse_line(R"({"kind":"rotated","time":"2026-01-01T00:00:00Z","x":")" + std::string(kMaxLine, 'x') + "\"}"));
}

}  // namespace
}  // namespace podid::audit
