// SPDX-License-Identifier: Apache-2.0
// `podid audit tail | query | whois | verify | prove`.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verbs to `app`; parsing runs one and sets `status`: kFailed where a log or a proof does not hold, or nobody
// was handed the token that was asked for. Lives as long as `app` is used.
class AuditVerb {
 public:
  AuditVerb(CLI::App& app, const Environment& environment, int& status);
  ~AuditVerb();
  AuditVerb(const AuditVerb&) = delete;
  AuditVerb& operator=(const AuditVerb&) = delete;

 private:
  struct Settings;
  void add_tail(CLI::App& audit, int& status);
  void add_query(CLI::App& audit, int& status);
  void add_whois(CLI::App& audit, int& status);
  void add_verify(CLI::App& audit, int& status);
  void add_prove(CLI::App& audit, int& status);
  int tail();
  int query();
  int whois();
  int verify();
  int verify_proof();
  int prove();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
