// SPDX-License-Identifier: Apache-2.0
// nmi: answers token requests of the pods of one node.
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "base/flags/cli_flags.hpp"
#include "base/flags/log_flags.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "nmi/keeper/server_process.hpp"
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

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

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
  nmi::NmiOptions options;
  base::LogOptions log_options;
  bool show_version = false;
  base::FlagSet flags("nmi",
                      "Answers the instance metadata requests of the pods of one node.\n"
                      "nmi prove: asks, from an ordinary pod, for what the NMI alone answers (deploy/prober.yaml).");
  flags.add("version", show_version, "print the version and exit");
  nmi::add_nmi_flags(flags, options);
  base::add_log_flags(flags, log_options);
  if (const auto exit_code = flags.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
  if (show_version) {
    std::cout << base::version_line() << "\n";
    return 0;
  }
  const base::Result<> logging = base::apply_log_options(log_options, "nmi");
  if (!logging) return fatal(logging.error());
  const base::Result<> complete =
      nmi::complete_options(options, flags, environment("FORCENAMESPACED"), environment("KUBECONFIG"));
  if (!complete) return fatal(complete.error());
  if (is_server) return run_server(std::move(options), max_files);
  if (options.uninstall) {
    const base::Result<> removed = nmi::uninstall(options);
    return removed ? 0 : fatal(removed.error());
  }
  const base::Result<> network = nmi::check_kubenet(options);
  if (!network) return fatal(network.error());
  return run_keeper(options, {argv + 1, argv + argc});
}
