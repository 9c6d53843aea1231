// SPDX-License-Identifier: Apache-2.0
// `podid lab …`: the local lab.
#pragma once
#include <memory>
#include <optional>

#include "cli/cli.hpp"
#include "lab/cluster/state.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`. Lives as long as `app` is used.
class LabVerbs {
 public:
  LabVerbs(CLI::App& app, const Environment& environment, int& status);
  ~LabVerbs();
  LabVerbs(const LabVerbs&) = delete;
  LabVerbs& operator=(const LabVerbs&) = delete;

 private:
  struct Settings;
  // The lab that --name and --dir mean; where there is none, says so and sets the status.
  std::optional<lab::cluster::LabState> find_lab();
  void add_up(CLI::App& lab);
  void add_down(CLI::App& lab);
  void add_status(CLI::App& lab);
  void add_exec(CLI::App& lab);
  void add_pod(CLI::App& lab);
  void add_components(CLI::App& lab);
  void add_programs(CLI::App& lab);

  const Environment& environment_;
  int& status_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
