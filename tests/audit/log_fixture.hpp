// SPDX-License-Identifier: Apache-2.0
// A log on disk with records of tests, for what reads logs.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "audit/line_reader.hpp"
#include "audit/log.hpp"
#include "audit/note.hpp"
#include "audit/records.hpp"
#include "base/file.hpp"
#include "support/fake_clock.hpp"
#include "support/temporary_folder.hpp"

namespace podid::test {

class WrittenLog {
 public:
  explicit WrittenLog(std::string path, std::string node = "node-1", std::uint64_t max_size_mib = 100,
                      unsigned max_backups = 100) {
    log_ = audit::Log::open({.path = std::move(path),
                             .cluster = "prod",
                             .node = std::move(node),
                             .max_size_mib = max_size_mib,
                             .max_backups = max_backups},
                            clock_)
               .value();
  }
  audit::Log& log() { return *log_; }
  void append(const audit::RecordView& record, std::uint64_t count = 1) {
    std::string body(audit::kMaxBody, '\0');
    body.resize(audit::encode_body(record, "p1", ++sequence_, body));
    append_body(body, count, record.time);
  }
  void append_body(std::string_view body, std::uint64_t count = 1, base::WallTime last = {}) {
    std::vector<audit::DeletedFile> deleted;
    ASSERT_TRUE(log_->append({{.body = body, .count = count, .last = last}}, deleted));
    clock_.advance(std::chrono::milliseconds(1));
  }
  void append_many(int records) {
    for (int i = 0; i < records; ++i) append(record_of("pod-" + std::to_string(i)));
  }
  // A checkpoint of what is there, witnessed by `key`.
  void cosign(const audit::SigningKey& key) {
    const audit::Witnessed seen =
        audit::witness(log_->checkpoint().value(), audit::VerifierKey::parse(log_->key_text()).value(), std::nullopt,
                       {}, key, 1'800'000'000);
    ASSERT_EQ(seen.verdict, audit::Verdict::cosigned);
    ASSERT_TRUE(log_->set_cosigned(seen.note));
  }
  // Lets go of the files.
  void close() { log_.reset(); }

 private:
  FakeClock clock_;
  std::unique_ptr<audit::Log> log_;
  std::uint64_t sequence_ = 0;
};

// In a file, what is between `from` and `to` is replaced.
inline void edit(const std::string& file, const std::string& from, const std::string& to) {
  std::string text = base::read_file(file, 1 << 26).value();
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  ASSERT_TRUE(base::write_file(file, text));
}

}  // namespace podid::test
