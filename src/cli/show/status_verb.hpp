// SPDX-License-Identifier: Apache-2.0
// `podid status`.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`: kFailed when something is wrong with the installation, or nothing
// could be found out. Lives as long as `app` is used.
class StatusVerb {
 public:
  StatusVerb(CLI::App& app, const Environment& environment, int& status);
  ~StatusVerb();
  StatusVerb(const StatusVerb&) = delete;
  StatusVerb& operator=(const StatusVerb&) = delete;

 private:
  struct Settings;
  int print();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
