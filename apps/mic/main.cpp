// SPDX-License-Identifier: Apache-2.0
// mic: keeps the identities of pods assigned to their VMs and scale sets.
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <optional>
#include <utility>
#include <variant>

#include "base/flags/log_flags.hpp"
#include "base/log.hpp"
#include "mic/flags.hpp"
#include "mic/mic.hpp"
#include "net/http_client.hpp"
#include "sandbox/process.hpp"

namespace {

using namespace podid;

constexpr int kFatal = 255;
constexpr int kLostLease = 1;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

base::Task<> stop(mic::Mic& mic, base::asio::io_context& io) {
  co_await mic.stop();
  io.stop();
}

int run(const mic::MicOptions& options) {
  auto cluster = kube::load_cluster_config(options.kubeconfig);
  if (!cluster) {
    base::log::error("no Kubernetes configuration", {{"error", cluster.error()}});
    return kFatal;
  }
  base::asio::io_context io(1);
  base::RealClock clock;
  base::SystemRandom random;
  int exit_code = 0;
  std::optional<mic::Mic> mic;
  auto begin_stop = [&io, &mic, stopping = false]() mutable {
    if (!std::exchange(stopping, true)) co_spawn(io, stop(*mic, io), base::asio::detached);
  };
  mic.emplace(options, mic::MicDependencies{.executor = io.get_executor(),
                                            .http = net::http_over_sockets(clock),
                                            .clock = clock,
                                            .random = random,
                                            .cluster = std::move(*cluster),
                                            .environment = base::environment_variable,
                                            .host_name = host_name(),
                                            .on_fatal = [&](const base::Error& error) {
                                              exit_code =
                                                  error.kind == base::ErrorKind::cancelled ? kLostLease : kFatal;
                                              begin_stop();
                                            }});
  if (const auto started = mic->start(); !started) {
    base::log::error("cannot start", {{"error", started.error()}});
    exit_code = kFatal;
    begin_stop();
  }
  base::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    base::log::info("stopping", {{"signal", signal}});
    begin_stop();
  });
  io.run();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  // A peer that closes its connection is an error value, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  const auto parsed = mic::parse_flags({argv + 1, argv + argc}, base::environment_variable, std::cout, std::cerr);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const auto& options = std::get<mic::MicOptions>(parsed);
  if (const auto logging = base::apply_log_options(options.log, "mic"); !logging) {
    std::cerr << logging.error().message << '\n';
    return kFatal;
  }
  if (const auto hardened = sandbox::harden_process(); !hardened) {
    base::log::warning("the process is not hardened", {{"error", hardened.error()}});
  }
  return run(options);
}
