// SPDX-License-Identifier: Apache-2.0
// `podid who-can IDENTITY`.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`: kOk when somebody may, kFailed when nobody may or nothing could be
// found out. Lives as long as `app` is used.
class WhoCanVerb {
 public:
  WhoCanVerb(CLI::App& app, const Environment& environment, int& status);
  ~WhoCanVerb();
  WhoCanVerb(const WhoCanVerb&) = delete;
  WhoCanVerb& operator=(const WhoCanVerb&) = delete;

 private:
  struct Settings;
  int print();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
