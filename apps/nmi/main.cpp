// SPDX-License-Identifier: Apache-2.0
// nmi: answers token requests of the pods of one node.
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "base/flags/cli_flags.hpp"
#include "base/flags/log_flags.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "net/http_client.hpp"
#include "nmi/nmi.hpp"
#include "nmi/prover.hpp"

namespace {

using namespace podid;

constexpr int kFatal = 255;  // as aad-pod-identity ends

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

int fatal(const base::Error& error) {
  base::log::error("cannot go on", {{"error", error}});
  return kFatal;
}

// Until SIGTERM, SIGINT, or an error that the NMI cannot live with.
int run(const nmi::NmiOptions& options) {
  boost::asio::io_context signals_io(1);
  boost::asio::signal_set signals(signals_io, SIGTERM, SIGINT);
  signals.async_wait([&signals_io](const boost::system::error_code&, int number) {
    base::log::info("stopping", {{"signal", number}});
    signals_io.stop();
  });
  int exit_code = 0;
  base::RealClock clock;
  base::SystemRandom random;
  base::MetricsRegistry metrics;
  nmi::Nmi daemon(options, {.http = net::http_over_sockets(clock),
                            .clock = clock,
                            .random = random,
                            .metrics = metrics,
                            .on_fatal = [&](const base::Error& error) {
                              boost::asio::post(signals_io, [&, error] {
                                exit_code = fatal(error);
                                signals_io.stop();
                              });
                            }});
  const base::Result<> started = daemon.start();
  if (!started) return fatal(started.error());
  signals_io.run();
  daemon.stop();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "prove") return nmi::run_prover(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
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
  if (options.uninstall) {
    const base::Result<> removed = nmi::uninstall(options);
    return removed ? 0 : fatal(removed.error());
  }
  const base::Result<> network = nmi::check_kubenet(options);
  if (!network) return fatal(network.error());
  nmi::leave_files(options, max_files);
  return run(options);
}
