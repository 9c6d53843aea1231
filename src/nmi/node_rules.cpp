// SPDX-License-Identifier: Apache-2.0
#include "nmi/node_rules.hpp"

#include <boost/asio/co_spawn.hpp>

#include "nmi/redirect/fence.hpp"
#include "nmi/redirect/pod_interfaces.hpp"

namespace podid::nmi {
namespace {

base::Task<base::Result<>> uninstall_all(NmiOptions options) {
  base::RealClock clock;
  base::SystemRandom random;
  RedirectTarget target;
  target.metadata_ip = options.metadata_ip;
  target.listen_ip = options.listen_address;
  // Without our rules an open loopback would stay open, so it is closed first.
  PodInterfaces interfaces(co_await base::asio::this_coro::executor, {});
  base::Result<> closed = co_await interfaces.close_opened();
  base::Result<> removed = co_await uninstall_redirect(target, clock, random);
  const base::Result<> opened = co_await remove_fence(static_cast<std::uint32_t>(options.fence_priority));
  if (removed) removed = opened;
  const base::Result<> unplugged = co_await remove_self_proof();
  if (removed) removed = unplugged;
  co_return removed ? closed : removed;
}

}  // namespace

base::Result<RedirectKeeperOptions> node_rules(const NmiOptions& options) {
  base::Result<RedirectTarget> target = checked_target({.metadata_ip = options.metadata_ip,
                                                        .metadata_port = options.metadata_port,
                                                        .listen_ip = options.listen_address,
                                                        .listen_port = options.port,
                                                        .metadata_ip6 = options.metadata_ip6,
                                                        .listen_ip6 = options.listen_address6,
                                                        .close_wireserver = !options.allow_wireserver});
  if (!target) return std::unexpected(std::move(target.error()));
  base::Result<InterfacePattern> interfaces = InterfacePattern::parse(options.pod_interfaces);
  if (!interfaces) return std::unexpected(std::move(interfaces.error()));
  RedirectKeeperOptions rules;
  rules.redirect.backend = options.redirect;
  rules.redirect.target = std::move(*target);
  rules.redirect.check_interval = std::chrono::seconds(options.check_interval_seconds);
  rules.interfaces = std::move(*interfaces);
  rules.fence = {.priority = static_cast<std::uint32_t>(options.fence_priority),
                 .check_interval = std::chrono::seconds(options.check_interval_seconds)};
  rules.conntrack_deletion = options.conntrack_deletion;
  return rules;
}

base::Result<> uninstall(const NmiOptions& options) {
  base::asio::io_context io(1);
  base::Result<> result;
  base::asio::co_spawn(io, uninstall_all(options), [&result](std::exception_ptr failure, base::Result<> outcome) {
    if (failure) std::rethrow_exception(failure);
    result = std::move(outcome);
  });
  io.run();
  return result;
}

}  // namespace podid::nmi
