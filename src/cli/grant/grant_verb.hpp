// SPDX-License-Identifier: Apache-2.0
// `podid grant request | approve | deny | revoke | list`: just-in-time access.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verbs to `app`; parsing runs one and sets `status`. Lives as long as `app` is used.
class GrantVerb {
 public:
  GrantVerb(CLI::App& app, const Environment& environment, int& status);
  ~GrantVerb();
  GrantVerb(const GrantVerb&) = delete;
  GrantVerb& operator=(const GrantVerb&) = delete;

 private:
  struct Settings;
  void add_request(CLI::App& grant, int& status);
  void add_approve(CLI::App& grant, int& status);
  void add_revoke(CLI::App& grant, int& status, bool denies);
  void add_list(CLI::App& grant, int& status);

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
