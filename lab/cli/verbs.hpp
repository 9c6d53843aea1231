// SPDX-License-Identifier: Apache-2.0
// `podid lab …`: the local lab.
#pragma once
#include <memory>
#include <optional>

#include "lab/cli/cli.hpp"
#include "lab/cluster/state.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::lab::cli {

// Adds the verbs to `app`; parsing runs one and sets `status`. Lives as long as `app` is used.
class Verbs {
 public:
  Verbs(CLI::App& app, const Environment& environment, int& status);
  ~Verbs();
  Verbs(const Verbs&) = delete;
  Verbs& operator=(const Verbs&) = delete;

 private:
  struct Settings;
  // The lab that --name and --dir mean; where there is none, says so and sets the status.
  std::optional<cluster::LabState> find_lab();
  void add_up(CLI::App& lab);
  void add_down(CLI::App& lab);
  void add_status(CLI::App& lab);
  void add_exec(CLI::App& lab);
  void add_pod(CLI::App& lab);
  void add_components(CLI::App& lab);
  void add_clock(CLI::App& lab);
  void add_programs(CLI::App& lab);

  const Environment& environment_;
  int& status_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::lab::cli
