// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/nftables.hpp"

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>

#include "base/process.hpp"
#include "base/text.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kNftTimeout(20);

// What nft says where it can never work: it or the kernel is too old, or a kernel module or library is missing. (Our
// scripts need nothing that was there before, so no other file or object can be missing.)
constexpr std::array<std::string_view, 4> kUnsupported{"not supported", "No such file or directory", "Invalid argument",
                                                       "syntax error"};

}  // namespace

base::Task<base::Result<>> run_nft(std::string script, NftRun run) {
  std::vector<std::string> arguments{"nft"};
  if (run == NftRun::check_only) arguments.emplace_back("-c");
  arguments.insert(arguments.end(), {"-f", "-"});
  base::Result<base::ProcessResult> ran =
      co_await base::run_process(std::move(arguments), std::move(script), kNftTimeout);
  if (!ran) co_return base::fail(std::move(ran.error()), "nft");
  if (ran->exit_code == 0) co_return base::Result<>{};
  const std::string_view problem = base::trim(ran->error_output);
  const bool denied = problem.contains("Operation not permitted");
  const bool unsupported =
      std::ranges::any_of(kUnsupported, [problem](std::string_view words) { return problem.contains(words); });
  const base::ErrorKind otherwise = unsupported ? base::ErrorKind::unsupported : base::ErrorKind::unavailable;
  co_return base::fail(denied ? base::ErrorKind::denied : otherwise,
                       fmt::format("nft: {}{}", problem.substr(0, problem.find('\n')),
                                   denied ? " (needs root or the capability NET_ADMIN)" : ""));
}

NftablesRedirect::NftablesRedirect(RedirectTarget target, base::Random& random)
    : target_(std::move(target)), process_mark_("podid " + random.uuid().substr(0, 8)) {}

base::Task<base::Result<>> NftablesRedirect::probe(RedirectTarget target) {
  std::string script = nft_install_script(target, "podid");
  base::Result<> result = co_await run_nft(std::move(script), NftRun::check_only);
  co_return result;
}

base::Result<> NftablesRedirect::subscribe(base::Executor executor) {
  if (events_) return {};
  base::Result<std::unique_ptr<Netlink>> opened = Netlink::open(executor, NETLINK_NETFILTER);
  if (!opened) return base::fail(std::move(opened.error()), "nftables notifications");
  base::Result<> subscribed = (*opened)->subscribe(NFNLGRP_NFTABLES);
  if (!subscribed) return base::fail(std::move(subscribed.error()), "nftables notifications");
  events_ = std::move(*opened);
  return {};
}

base::Task<base::Result<>> NftablesRedirect::install() {
  // First the subscription: what happens right after the transaction must not be missed.
  const base::Result<> subscribed = subscribe(co_await base::asio::this_coro::executor);
  const std::string mark = fmt::format("{}-{}", process_mark_, ++installations_);
  watch_.expect(mark);
  std::string script = nft_install_script(target_, mark);
  base::Result<> done = co_await run_nft(std::move(script), NftRun::apply);
  // Rules that are not watched are better than none.
  co_return done ? subscribed : done;
}

base::Task<base::Result<>> NftablesRedirect::wait_for_damage() {
  bool damaged = false;
  const Netlink::Visit visit = [this, &damaged](const nlmsghdr& message) { damaged |= watch_.observe(message); };
  while (!damaged) {
    if (!events_) co_return base::fail(base::ErrorKind::unavailable, "not subscribed to nftables notifications");
    base::Result<bool> complete = co_await events_->notifications(visit);
    if (!complete) {
      events_.reset();  // install() subscribes anew
      co_return base::fail(std::move(complete.error()), "nftables notifications");
    }
    damaged |= !*complete;
  }
  co_return base::Result<>{};
}

base::Task<base::Result<>> NftablesRedirect::remove() {
  base::Result<> done = co_await run_nft(nft_remove_script(), NftRun::apply);
  co_return done;
}

}  // namespace podid::nmi
