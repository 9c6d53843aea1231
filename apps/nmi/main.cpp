// SPDX-License-Identifier: Apache-2.0
// nmi: answers token requests of the pods of one node.
#include <sys/resource.h>

#include <csignal>
#include <iostream>
#include <utility>
#include <variant>
#include <vector>

#include "base/flags/log_flags.hpp"
#include "base/log.hpp"
#include "nmi/flags.hpp"
#include "nmi/keeper/server_process.hpp"
#include "nmi/network_plugin.hpp"
#include "nmi/node_rules.hpp"
#include "nmi/prover.hpp"
#include "programs.hpp"

namespace podid {

int fatal(const base::Error& error) {
  base::log::error("cannot go on", {{"error", error}});
  return kFatal;
}

}  // namespace podid

namespace {

using namespace podid;

// Every connection of a pod is a file; the usual soft limit is far below --max-connections. Returns how many there may be.
rlim_t allow_many_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return RLIM_INFINITY;
  const rlim_t before = std::exchange(files.rlim_cur, files.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : before;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "prove") return nmi::run_prover(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  const bool is_server = argc > 0 && std::string_view(argv[0]) == nmi::kServerName;
  const rlim_t max_files = allow_many_files();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  auto parsed = nmi::parse_flags(arguments, base::environment_variable, std::cout, std::cerr);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  auto& options = std::get<nmi::NmiOptions>(parsed);
  const base::Result<> logging = base::apply_log_options(options.log, "nmi");
  if (!logging) return fatal(logging.error());
  const base::Result<> complete = nmi::complete_options(options);
  if (!complete) return fatal(complete.error());
  if (is_server) return run_server(std::move(options), max_files);
  if (options.uninstall) {
    const base::Result<> removed = nmi::uninstall(options);
    return removed ? 0 : fatal(removed.error());
  }
  const base::Result<> network = nmi::check_kubenet(options);
  if (!network) return fatal(network.error());
  return run_keeper(options, arguments);
}
