// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/iptables.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace podid::nmi {
namespace {

// --wait makes iptables queue behind other users of the lock instead of failing.
constexpr std::chrono::seconds kIptablesTimeout(30);

base::Error command_error(std::string_view command, const base::ProcessResult& result) {
  const std::string_view problem = base::trim(result.error_output);
  const bool denied = problem.contains("Permission denied") || problem.contains("you must be root");
  return {.kind = denied ? base::ErrorKind::denied : base::ErrorKind::unavailable,
          .message = fmt::format("{}: {}{}", command, problem.substr(0, problem.find('\n')),
                                 denied ? " (needs root or the capability NET_ADMIN)" : ""),
          .http_status = 0,
          .code = {},
          .retry_after = {}};
}

// Asked without iptables-legacy, which would make the table, with its hooks in every packet's way.
bool legacy_table_exists(std::string_view table) {
  const base::Result<std::string> names = base::read_file("/proc/net/ip_tables_names");
  if (!names) return false;
  for (const std::string_view name : base::split(*names, '\n')) {
    if (name == table) return true;
  }
  return false;
}

bool all_intact(const std::vector<FoundChain>& found) { return std::ranges::all_of(found, &FoundChain::intact); }

}  // namespace

IptablesRedirect::IptablesRedirect(RedirectTarget target, IptablesVariant variant, std::chrono::seconds check_interval,
                                   base::Clock& clock)
    : target_(std::move(target)), variant_(std::move(variant)), check_interval_(check_interval), clock_(clock) {}

base::Task<base::Result<std::string>> IptablesRedirect::list(std::string_view table, std::string_view chain) {
  if (variant_.legacy && !legacy_table_exists(table)) co_return std::string();
  std::vector<std::string> arguments{variant_.command, "--wait", "-t", std::string(table), "-S", std::string(chain)};
  base::Result<base::ProcessResult> ran = co_await base::run_process(std::move(arguments), {}, kIptablesTimeout);
  if (!ran) co_return std::unexpected(std::move(ran.error()));
  if (ran->exit_code == 0) co_return std::move(ran->output);
  const std::string& problem = ran->error_output;
  if (problem.contains("No chain/target/match by that name") || problem.contains("does not exist") ||
      problem.contains("incompatible, use 'nft' tool")) {
    co_return std::string();
  }
  co_return std::unexpected(command_error(variant_.command, *ran));
}

base::Task<base::Result<>> IptablesRedirect::restore(std::string script) {
  if (script.empty()) co_return base::Result<>{};
  std::vector<std::string> arguments{variant_.restore, "--wait", "--noflush"};
  base::Result<base::ProcessResult> ran =
      co_await base::run_process(std::move(arguments), std::move(script), kIptablesTimeout);
  if (!ran) co_return std::unexpected(std::move(ran.error()));
  if (ran->exit_code != 0) co_return std::unexpected(command_error(variant_.restore, *ran));
  co_return base::Result<>{};
}

base::Task<base::Result<std::vector<FoundChain>>> IptablesRedirect::look() {
  std::vector<FoundChain> all;
  for (IptablesChain& chain : iptables_chains(target_)) {
    const base::Result<std::string> listing = co_await list(chain.table, chain.name);
    if (!listing) co_return std::unexpected(listing.error());
    const base::Result<std::string> built_in = co_await list(chain.table, chain.built_in);
    if (!built_in) co_return std::unexpected(built_in.error());
    all.push_back(found_chain(std::move(chain), *listing, *built_in));
  }
  co_return all;
}

base::Task<base::Result<>> IptablesRedirect::install() {
  const base::Result<std::vector<FoundChain>> found = co_await look();
  if (!found) co_return std::unexpected(found.error());
  if (all_intact(*found)) co_return base::Result<>{};
  std::string script = iptables_install_script(*found);
  base::Result<> done = co_await restore(std::move(script));
  co_return done;
}

base::Task<base::Result<>> IptablesRedirect::wait_for_damage() {
  for (;;) {
    co_await clock_.sleep_for(check_interval_);
    const base::Result<std::vector<FoundChain>> found = co_await look();
    if (!found) co_return std::unexpected(found.error());
    if (!all_intact(*found)) co_return base::Result<>{};
  }
}

base::Task<base::Result<>> IptablesRedirect::remove() {
  base::Result<std::vector<FoundChain>> found = co_await look();
  if (!found) co_return std::unexpected(std::move(found.error()));
  std::string script = iptables_remove_script(std::move(*found));
  base::Result<> done = co_await restore(std::move(script));
  co_return done;
}

base::Task<std::vector<IptablesVariant>> IptablesRedirect::variants() {
  std::vector<IptablesVariant> found;
  // The machine's default first. Where all three exist, it is one of the other two.
  for (const std::string name : {"iptables", "iptables-nft", "iptables-legacy"}) {
    std::vector<std::string> arguments{name, "--version"};
    const base::Result<base::ProcessResult> ran =
        co_await base::run_process(std::move(arguments), {}, kIptablesTimeout);
    if (!ran || ran->exit_code != 0) continue;
    const bool legacy = !ran->output.contains("nf_tables");
    const bool known =
        std::ranges::any_of(found, [legacy](const IptablesVariant& variant) { return variant.legacy == legacy; });
    if (!known) found.push_back({name, name + "-restore", legacy});
  }
  co_return found;
}

base::Task<base::Result<IptablesVariant>> IptablesRedirect::choose_variant(RedirectTarget target, base::Clock& clock) {
  const std::vector<IptablesVariant> found = co_await variants();
  if (found.empty()) {
    co_return base::fail(base::ErrorKind::not_found,
                         "neither nft nor iptables can be used: install the package nftables or iptables, or start "
                         "with --redirect=none and redirect the pods' traffic by other means");
  }
  for (const IptablesVariant& variant : found) {
    IptablesRedirect candidate(target, variant, std::chrono::seconds(0), clock);
    const base::Result<std::string> chain = co_await candidate.list("nat", kIptablesChain);
    if (chain && !chain->empty()) co_return variant;
  }
  co_return found.front();
}

}  // namespace podid::nmi
