// SPDX-License-Identifier: Apache-2.0
// The simulator as a process: what `podid lab serve-azure --config FILE` runs.
#pragma once
#include <boost/json/value.hpp>
#include <ostream>
#include <string>

#include "base/error.hpp"
#include "lab/azure/simulator.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

// {"world": <world_json.hpp>, "listeners": [{"role": "imds", "address": "127.0.0.1", "port": 0, "node":
// "node-a"}],
//  "tls": {"certificate_pem": "...", "key_pem": "..."}}
struct ProgramOptions {
  World world;
  SimulatorOptions simulator;
};
base::Result<ProgramOptions> read_program_options(const boost::json::value& document);
boost::json::object write_program_options(const ProgramOptions& options);

// Runs until SIGTERM or SIGINT. Prints one JSON line when it listens:
// {"listeners": [{"role": "imds", "node": "", "address": "127.0.0.1", "port": 40123}]}
// Returns the exit status: 0 after a signal, 1 after an error, which it logs.
int run_azure_simulator(ProgramOptions options, std::ostream& output);
// The same with the options of a file. A file that cannot be read or is wrong is exit status 2.
int run_azure_simulator(const std::string& config_path, std::ostream& output);

}  // namespace podid::lab::azure
