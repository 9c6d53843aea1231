// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/audit_verb.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>

#include "audit/log_fixture.hpp"
#include "cli/cli.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class AuditVerbTest : public testing::Test {
 protected:
  int podid(std::vector<std::string> words) {
    std::ostringstream out;
    std::ostringstream err;
    words.insert(words.begin(), "audit");
    const int status = run(words, {.out = out, .err = err, .program = "podid"});
    out_ = out.str();
    err_ = err.str();
    return status;
  }
  audit::RecordView record(std::string_view pod, int second) const {
    return test::record_of(pod, test::kNoon + std::chrono::seconds(second));
  }

  test::TemporaryFolder folder_;
  const audit::SigningKey witness_ = audit::SigningKey::generate("podid-audit-witness").value();
  std::string out_;
  std::string err_;
};

class WrittenAuditTest : public AuditVerbTest {
 protected:
  void SetUp() override {
    test::WrittenLog one(folder_.file("node-1/audit.log"));
    one.append_body(audit::start_body(test::kNoon, "p1", one.log().origin(), "new"));
    one.append(record("front-1", 1), 5);
    audit::RecordView denied = record("front-2", 3);
    denied.outcome = audit::Outcome::denied;
    denied.status = 403;
    denied.uti = "";
    denied.check = "window: closed";
    one.append(denied);
    one.cosign(witness_);
    test::WrittenLog two(folder_.file("node-2/audit.log"), "node-2");
    audit::RecordView other = record("back-1", 2);
    other.node = "node-2";
    other.identity = "shop/writer";
    other.resource = "x\x1b[2Jy";
    two.append(other);
    two.cosign(witness_);
    ASSERT_TRUE(base::write_file(
        folder_.file("witness.key"),
        witness_.verifier().text() + "\n" + witness_.verifier(audit::SignatureType::cosignature).text()));
  }
};

TEST_F(WrittenAuditTest, TailShowsTheLastRecordsOfAllLogsByTime) {
  ASSERT_EQ(podid({"tail", "--from", folder_.path(), "-n", "2"}), kOk) << err_;
  EXPECT_THAT(out_,
              AllOf(HasSubstr("TIME"), HasSubstr("shop/back-1"), HasSubstr("shop/front-2"), Not(HasSubstr("front-1"))));
  EXPECT_LT(out_.find("back-1"), out_.find("front-2"));
  EXPECT_THAT(out_, HasSubstr("window: closed"));
  // What a client wrote does not act on the terminal.
  EXPECT_THAT(out_, AllOf(HasSubstr("\\u001b[2J"), Not(HasSubstr("\x1b"))));
  ASSERT_EQ(podid({"tail", "--from", folder_.file("node-1/audit.log"), "-o", "wide"}), kOk) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("UTI"), HasSubstr("AbCdEf123"), HasSubstr("start"), HasSubstr("(new)")));
}

TEST_F(WrittenAuditTest, QueryGivesWhatAgreesWithAllThatIsSaid) {
  const auto found = [this](std::vector<std::string> more) {
    more.insert(more.begin(), {"query", "--from", folder_.path(), "-o", "json"});
    EXPECT_EQ(podid(more), kOk) << err_;
    const json::value document = json::parse(out_);
    EXPECT_EQ(document.at("schema"), "podid.audit.records/v1");
    std::string pods;
    for (const json::value& one : document.at("records").get_array()) {
      pods +=
          (pods.empty() ? "" : " ") + std::string(one.as_object().contains("pod") ? one.at("pod").get_string() : "-");
    }
    return pods;
  };
  EXPECT_EQ(found({}), "front-1 back-1 front-2");
  EXPECT_EQ(found({"--log-records"}), "- front-1 back-1 front-2");
  EXPECT_EQ(found({"-n", "shop", "--pod", "front-1"}), "front-1");
  EXPECT_EQ(found({"-n", "other"}), "");
  EXPECT_EQ(found({"--outcome", "denied"}), "front-2");
  EXPECT_EQ(found({"--identity", "writer"}), "back-1");
  EXPECT_EQ(found({"--identity", "shop/writer"}), "back-1");
  EXPECT_EQ(found({"--identity", "rite"}), "");
  EXPECT_EQ(found({"--node", "node-2"}), "back-1");
  EXPECT_EQ(found({"--since", "2027-01-15T08:00:02Z"}), "back-1 front-2");
  EXPECT_EQ(found({"--until", "2027-01-15T08:00:02Z"}), "front-1");
}

TEST_F(WrittenAuditTest, WhoisLeadsFromATokenToItsPods) {
  ASSERT_EQ(podid({"whois", "AbCdEf123", "--from", folder_.path(), "-o", "json"}), kOk) << err_;
  const json::value document = json::parse(out_);
  EXPECT_EQ(document.at("schema"), "podid.audit.whois/v1");
  ASSERT_EQ(document.at("pods").get_array().size(), 2);
  EXPECT_EQ(document.at("pods").at(0).at("pod"), "front-1");
  EXPECT_EQ(document.at("pods").at(0).at("count"), 5);
  ASSERT_EQ(podid({"whois", "AbCdEf123", "--from", folder_.path()}), kOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("shop/front-1"), HasSubstr("node-2")));
  EXPECT_EQ(podid({"whois", "unknown", "--from", folder_.path()}), kFailed);
  EXPECT_THAT(err_, HasSubstr("no pod was handed a token unknown"));
}

TEST_F(WrittenAuditTest, VerifyComparesEachLogWithWhatTheWitnessSigned) {
  ASSERT_EQ(podid({"verify", "--from", folder_.path(), "--key", folder_.file("witness.key")}), kOk) << out_ << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("ok      prod/node-1/"),
                          HasSubstr("signed by podid-audit-witness at 2027-01-15T08:00:00Z")));
  test::edit(folder_.file("node-1/audit.log"), "\"pod\":\"front-1\"", "\"pod\":\"front-9\"");
  ASSERT_EQ(podid({"verify", "--from", folder_.path(), "--key", witness_.verifier().text(), "-o", "json"}), kFailed);
  const json::value document = json::parse(out_);
  EXPECT_EQ(document.at("schema"), "podid.audit.verify/v1");
  EXPECT_EQ(document.at("logs").at(0).at("ok"), false);
  EXPECT_EQ(document.at("logs").at(1).at("ok"), true);
  ASSERT_EQ(podid({"verify", "--from", folder_.path(), "--key", folder_.file("witness.key")}), kFailed);
  EXPECT_THAT(out_, HasSubstr("error: record 1 is not the one that the tree has"));
}

TEST_F(WrittenAuditTest, ACheckpointFromElsewhereIsForTheLogThatItNames) {
  const std::string note = folder_.file("note");
  std::filesystem::copy(folder_.file("node-2/audit.log.tree/cosigned"), note);
  ASSERT_EQ(podid({"verify", "--from", folder_.path(), "--key", folder_.file("witness.key"), "--checkpoint", note}),
            kOk)
      << out_ << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("prod/node-2/"), Not(HasSubstr("prod/node-1/"))));
}

TEST_F(WrittenAuditTest, AProofIsMadeAndCheckedOffline) {
  const std::vector<std::string> prove{"prove", "2", "--from", folder_.path(), "--log", "node-1"};
  ASSERT_EQ(podid(prove), kOk) << err_;
  EXPECT_TRUE(out_.starts_with("c2sp.org/tlog-proof@v1\nindex 2\n")) << out_;
  ASSERT_TRUE(base::write_file(folder_.file("proof"), out_));
  auto print = prove;
  print.emplace_back("--print-record");
  ASSERT_EQ(podid(print), kOk);
  EXPECT_THAT(out_, HasSubstr("front-2"));
  ASSERT_TRUE(base::write_file(folder_.file("record"), out_));
  std::filesystem::remove_all(folder_.file("node-1"));

  const std::vector<std::string> check{"verify",
                                       "--proof",
                                       folder_.file("proof"),
                                       "--record",
                                       folder_.file("record"),
                                       "--key",
                                       folder_.file("witness.key")};
  ASSERT_EQ(podid(check), kOk) << err_;
  EXPECT_TRUE(out_.starts_with("ok: record 2 of prod/node-1/")) << out_;
  auto as_json = check;
  as_json.insert(as_json.end(), {"-o", "json"});
  ASSERT_EQ(podid(as_json), kOk);
  EXPECT_EQ(json::parse(out_).at("schema"), "podid.audit.proof/v1");
  test::edit(folder_.file("record"), "denied", "issued");
  EXPECT_EQ(podid(check), kFailed);
  EXPECT_THAT(err_, HasSubstr("the proof does not hold"));
}

TEST_F(WrittenAuditTest, WhatWasTypedWrongIsOneLineAndStatusTwo) {
  const std::string from = folder_.path();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"tail"},
                                             {"prove", "1", "--from", from},  // two logs
                                             {"prove", "1", "--from", "-"},
                                             {"query", "--from", from, "--since", "yesterday"},
                                             {"query", "--from", from, "--outcome", "stolen"},
                                             {"verify"},
                                             {"verify", "--from", from, "--key", "nonsense"},
                                             {"verify", "--proof", folder_.file("witness.key")},
                                             {"whois", "", "--from", from}}) {
    EXPECT_EQ(podid(words), kUsage) << words.front() << out_;
    EXPECT_NE(err_, "");
  }
}

TEST_F(AuditVerbTest, AFolderWithoutALogIsSaid) {
  EXPECT_EQ(podid({"tail", "--from", folder_.path()}), kFailed);
  EXPECT_THAT(err_, HasSubstr("there is no audit log in"));
  EXPECT_EQ(podid({"tail", "--from", folder_.file("none")}), kFailed);
}

TEST_F(AuditVerbTest, LinesThatAreNoRecordsAreCounted) {
  ASSERT_TRUE(base::write_file(
      folder_.file("a.log"), "nonsense\n" + std::string(R"({"kind":"rotated","time":"2026-01-01T00:00:00Z"})") + "\n"));
  EXPECT_EQ(podid({"tail", "--from", folder_.path(), "-o", "json"}), kOk);
  EXPECT_EQ(json::parse(out_).at("records").get_array().size(), 1);
  EXPECT_EQ(err_, "podid: 1 lines are no records\n");
}

}  // namespace
}  // namespace podid::cli
