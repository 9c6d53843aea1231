// SPDX-License-Identifier: Apache-2.0
// The server: the one process that pods, the API server and Azure talk to. It may change nothing.
#include <sys/prctl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <optional>

#include "azure/certificate.hpp"
#include "base/log.hpp"
#include "kube/config.hpp"
#include "net/http_client.hpp"
#include "nmi/audit_folder.hpp"
#include "nmi/keeper/server_process.hpp"
#include "nmi/limits.hpp"
#include "nmi/link/token_file.hpp"
#include "nmi/nmi.hpp"
#include "nmi/server_sandbox.hpp"
#include "programs.hpp"

namespace podid {
namespace {

// The keeper has sent it before it started us.
base::Result<nmi::Hello> read_hello() {
  base::Result<nmi::Received> received = nmi::receive_message(nmi::kServerLink);
  if (!received) return base::fail(std::move(received.error()), "the NMI's server is started by the NMI alone");
  const auto* hello = std::get_if<nmi::Hello>(&received->message);
  if (hello == nullptr) return base::fail(base::ErrorKind::invalid, "the NMI's keeper does not say hello");
  return *hello;
}

// Says why, to the keeper as well: starting another server would not help.
int fatal_to_keeper(const base::Error& error) {
  static_cast<void>(nmi::send_message(nmi::kServerLink, nmi::Fatal{}));  // without a keeper there is nobody to tell
  return fatal(error);
}

void tell(const std::vector<nmi::Measure>& measures, base::MetricsRegistry& metrics) {
  for (const nmi::Measure& measure : measures) {
    metrics.gauge(base::metric::kNmiHardening).set({measure.name}, measure.outcome ? 1 : 0);
    if (measure.outcome) continue;
    base::log::warning("the process that answers pods is less confined than it could be",
                       {{"measure", measure.name}, {"why", measure.outcome.error()}});
  }
}

std::vector<std::string> writable_folders(const nmi::NmiOptions& options) {
  const std::string folder = nmi::audit_folder(options);
  return folder.empty() ? std::vector<std::string>{} : std::vector{folder};
}

}  // namespace

int run_server(nmi::NmiOptions options, std::uint64_t max_files) {
  // Who stops a whole service, or presses Ctrl-C, means the keeper, which tells us.
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  ::prctl(PR_SET_NAME, nmi::kServerName, 0, 0, 0);
  const base::Result<nmi::Hello> hello = read_hello();
  if (!hello) return fatal(hello.error());
  nmi::leave_files(options, max_files);
  base::Result<kube::ClusterConfig> cluster = kube::load_cluster_config(options.kubeconfig);
  if (!cluster) return fatal_to_keeper(std::move(cluster.error()).with_context("API server"));
  const std::string token_path = cluster->token_file;
  nmi::TokenFile token_file(token_path);
  cluster->read_token_file = [&token_file] { return token_file.read(); };

  boost::asio::io_context main_loop(1);
  const auto work = boost::asio::make_work_guard(main_loop);
  base::RealClock clock;
  base::SystemRandom random;
  base::MetricsRegistry metrics;
  int exit_code = 0;
  const auto end = [&main_loop, &exit_code](int code) {
    boost::asio::post(main_loop, [&main_loop, &exit_code, code] {
      exit_code = code;
      main_loop.stop();
    });
  };
  nmi::Nmi daemon(
      options, {.http = net::http_over_sockets(clock),
                .clock = clock,
                .random = random,
                .metrics = metrics,
                .cluster = std::move(*cluster),
                .keeper = nmi::Descriptor(nmi::kServerLink),
                .proof_key = hello->proof_key,
                .events = {.on_drain = [&end] { end(0); },
                           .on_lost = [&end](const base::Error& error) { end(fatal(error)); },
                           .on_token = [&token_file](nmi::Descriptor file) { token_file.replace(std::move(file)); }}});
  const base::Result<> opened = daemon.open();
  if (!opened) return fatal_to_keeper(opened.error());
  azure::preload_legacy_provider();  // what it is for says so when it is missing
  base::Result<std::vector<nmi::Measure>> measures =
      nmi::enter_server_sandbox({.keeper = static_cast<pid_t>(hello->keeper),
                                 .token_file = token_path,
                                 .writable_folders = writable_folders(options),
                                 .threads = static_cast<unsigned>(options.workers) + 5});
  if (!measures) return fatal(measures.error());
  tell(*measures, metrics);
  // As the user that it will be written and found again by.
  const base::Result<> audited = daemon.open_audit_log();
  if (!audited) return fatal(audited.error());
  daemon.start({.wants_token = token_file.is_out_of_reach()});
  main_loop.run();
  daemon.stop();
  return exit_code;
}

}  // namespace podid
