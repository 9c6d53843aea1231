// SPDX-License-Identifier: Apache-2.0
// `podid explain pod NAME`.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`: kOk when the pod gets a token, kFailed when it is refused or
// nothing could be found out. Lives as long as `app` is used.
class ExplainVerb {
 public:
  ExplainVerb(CLI::App& app, const Environment& environment, int& status);
  ~ExplainVerb();
  ExplainVerb(const ExplainVerb&) = delete;
  ExplainVerb& operator=(const ExplainVerb&) = delete;

 private:
  struct Settings;
  int explain_pod();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
