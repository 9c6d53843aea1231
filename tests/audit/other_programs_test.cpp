// SPDX-License-Identifier: Apache-2.0
// Our log as programs that we did not write see it: tests/audit/go.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "audit/log.hpp"
#include "audit/records.hpp"
#include "base/file.hpp"
#include "support/fake_clock.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

struct Ran {
  int status;
  std::string output;
};

Ran run(const std::string& command) {
  Ran ran{-1, {}};
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> chunk{};
  while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), pipe)) ran.output.append(chunk.data(), n);
  ran.status = ::pclose(pipe);
  return ran;
}

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

TEST(AuditByOthers, GosTlogAndNoteAndAClientOfTlogTilesReadTheLog) {
  // PODID_GO: a Go that is new enough. Else the one that builds the control plane.
  const char* given = std::getenv("PODID_GO");
  Ran go = given != nullptr ? Ran{0, given} : run(PODID_SOURCE "/scripts/build-control-plane --go 2>/dev/null");
  if (go.status != 0) GTEST_SKIP() << "no Go: scripts/build-control-plane --go";
  while (go.output.ends_with('\n')) go.output.pop_back();
  const test::TemporaryFolder folder;
  const std::string program = folder.file("audit-check");
  const Ran built = run("cd " PODID_SOURCE "/tests/audit/go && GOFLAGS=-mod=readonly nice " + in_quotes(go.output) +
                        " build -o " + in_quotes(program) + " .");
  ASSERT_EQ(built.status, 0) << built.output;

  test::FakeClock clock;
  auto log = Log::open({.path = folder.file("audit.log"), .cluster = "prod", .node = "node-1"}, clock).value();
  std::vector<DeletedFile> deleted;
  for (int i = 0; i < 1234; ++i) {
    std::string body(kMaxBody, '\0');
    body.resize(encode_body(test::record_of("pod-" + std::to_string(i)), "p1", 1, body));
    ASSERT_TRUE(log->append({{.body = body, .count = 1, .last = {}}}, deleted));
  }
  const auto witness_key = SigningKey::generate("podid-audit-witness").value();
  const Witnessed seen = witness(log->checkpoint().value(), VerifierKey::parse(log->key_text()).value(), std::nullopt,
                                 {}, witness_key, 1'800'000'000);
  ASSERT_EQ(seen.verdict, Verdict::cosigned);
  ASSERT_TRUE(base::write_file(folder.file("note"), seen.note));
  const auto check = [&] {
    return run(program + " " + in_quotes(folder.file("audit.log.tree")) + " " + in_quotes(folder.file("note")) + " " +
               in_quotes(log->key_text()) + " " + in_quotes(witness_key.verifier().text()) + " " +
               in_quotes(witness_key.verifier(SignatureType::cosignature).text()));
  };
  const Ran ok = check();
  EXPECT_EQ(ok.status, 0);
  EXPECT_EQ(ok.output, "ok 1234\n");

  // And a record that was changed is not the one that was signed.
  const std::string bundle = folder.file("audit.log.tree/tile/entries/002");
  std::string bytes = base::read_file(bundle).value();
  bytes[bytes.find("pod-600")] = 'P';
  ASSERT_TRUE(base::write_file(bundle, bytes));
  EXPECT_NE(check().status, 0);
}

}  // namespace
}  // namespace podid::audit
