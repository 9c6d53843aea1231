// SPDX-License-Identifier: Apache-2.0
// The keeper: the one process that may change the node. It has no input from the network and no token.
#include <linux/capability.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/log.hpp"
#include "kube/config.hpp"
#include "nmi/audit_folder.hpp"
#include "nmi/keeper/supervisor.hpp"
#include "nmi/network_plugin.hpp"
#include "nmi/node_rules.hpp"
#include "nmi/pods/redirect_proof.hpp"
#include "programs.hpp"
#include "sandbox/privileges.hpp"
#include "sandbox/process.hpp"

namespace podid {
namespace {

// Beyond --shutdown-timeout, for what the server does when no request is in flight any more.
constexpr std::chrono::seconds kAfterRequests{5};

// Rules, tools, the kubelet's files; the last two are for the server, to become another user.
constexpr sandbox::Capabilities kForUse = sandbox::capabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_DAC_READ_SEARCH});
constexpr sandbox::Capabilities kForServer = sandbox::capabilities({CAP_SETUID, CAP_SETGID});

void give_up_privileges() {
  base::Result<> done = sandbox::harden_process();
  if (done) done = sandbox::keep_capabilities(kForUse | kForServer, kForUse);
  if (!done) base::log::warning("the keeper has more privileges than it needs", {{"error", done.error()}});
}

base::Task<> end(nmi::Supervisor& supervisor, nmi::Keeper& keeper, base::asio::io_context& io) {
  co_await supervisor.stop();
  co_await keeper.stop();
  io.stop();
}

}  // namespace

int run_keeper(const nmi::NmiOptions& options, std::vector<std::string> arguments) {
  base::Result<nmi::RedirectKeeperOptions> rules = nmi::node_rules(options);
  if (!rules) return fatal(rules.error());
  if (const std::optional<std::string> risk = nmi::spoofing_risk(options.cni_config_dir)) {
    base::log::warning("a pod can take another pod's address and with it its identity", {{"why", *risk}});
  }
  if (const base::Result<> prepared = nmi::prepare_audit_folder(options); !prepared) {
    // Who runs as root all the way may write there all the same: the server finds out.
    base::log::warning("the audit log's folder", {{"error", prepared.error()}});
  }
  give_up_privileges();

  base::asio::io_context io(1);
  base::RealClock clock;
  base::SystemRandom random;
  // Of this start alone.
  const std::string proof_key = random.uuid() + random.uuid();
  const nmi::RedirectProof proof({}, proof_key);
  if (options.self_proof) rules->expected_proof = [&proof](std::string_view nonce) { return proof.proof_of(nonce); };
  nmi::Supervisor* watched = nullptr;
  int exit_code = 0;
  nmi::Keeper keeper(io.get_executor(),
                     {.redirect = std::move(*rules),
                      .proof_key = proof_key,
                      .cleanup_on_exit = options.cleanup_on_exit,
                      .token_file = [&options]() -> base::Result<std::string> {
                        base::Result<kube::ClusterConfig> cluster = kube::load_cluster_config(options.kubeconfig);
                        if (!cluster) return std::unexpected(std::move(cluster.error()));
                        return cluster->token_file;
                      }},
                     clock, random, [&watched](const base::Error& error) { watched->end(fatal(error)); });
  nmi::Supervisor supervisor(
      io.get_executor(),
      {.arguments = std::move(arguments), .drain_patience = options.shutdown_timeout + kAfterRequests}, keeper, clock,
      random, kFatal, [&](int code) {
        exit_code = code;
        base::asio::co_spawn(io, end(supervisor, keeper, io), base::asio::detached);
      });
  watched = &supervisor;
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&supervisor](const boost::system::error_code& error, int number) {
    if (error) return;
    base::log::info("stopping", {{"signal", number}});
    supervisor.end(0);
  });
  supervisor.start();
  io.run();
  return exit_code;
}

}  // namespace podid
