// SPDX-License-Identifier: Apache-2.0
// `podid version`: of this program, and of the cluster's API server where there is one.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`: kFailed when the cluster could not be asked. Lives as long as
// `app` is used.
class VersionVerb {
 public:
  VersionVerb(CLI::App& app, const Environment& environment, int& status);
  ~VersionVerb();
  VersionVerb(const VersionVerb&) = delete;
  VersionVerb& operator=(const VersionVerb&) = delete;

 private:
  struct Settings;
  int print();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
