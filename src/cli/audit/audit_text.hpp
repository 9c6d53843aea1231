// SPDX-License-Identifier: Apache-2.0
// Records and verdicts as `podid audit` prints them. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "audit/verify.hpp"
#include "cli/audit/audit_source.hpp"

namespace podid::cli {

// What clients wrote is escaped: it may be made to act on a terminal.
std::string to_table(const std::vector<ReadRecord>& records, bool wide);
// {"schema": "podid.audit.records/v1", "records": [as in the log]}
boost::json::object to_json(const std::vector<ReadRecord>& records);

// The pods that were handed one token, each once.
struct Holder {
  std::string ns;
  std::string pod;
  std::string uid;
  std::string node;
  std::string identity;
  std::string binding;
  std::string grant;
  std::string resource;
  base::WallTime first;
  base::WallTime last;
  std::uint64_t count = 0;
};
std::vector<Holder> holders_of(const std::vector<ReadRecord>& records);
std::string to_table(const std::vector<Holder>& holders);
boost::json::object to_json(const std::string& uti, const std::vector<Holder>& holders);

struct VerifiedLog {
  std::string path;
  audit::VerifyReport report;
};
std::string to_text(const std::vector<VerifiedLog>& logs);
boost::json::object to_json(const std::vector<VerifiedLog>& logs);

}  // namespace podid::cli
