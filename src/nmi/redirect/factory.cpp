// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/factory.hpp"

#include "base/log.hpp"
#include "nmi/redirect/iptables.hpp"
#include "nmi/redirect/nftables.hpp"

namespace podid::nmi {
namespace {

// The node's traffic is redirected by other means, or the NMI is tried out without root.
class NoRedirect final : public Redirect {
 public:
  explicit NoRedirect(base::Clock& clock) : clock_(clock) {}
  std::string_view name() const override { return "none"; }
  base::Task<base::Result<>> install() override { co_return base::Result<>{}; }
  base::Task<base::Result<>> wait_for_damage() override {
    for (;;) co_await clock_.sleep_for(std::chrono::hours(24));
  }
  base::Task<base::Result<>> remove() override { co_return base::Result<>{}; }

 private:
  base::Clock& clock_;
};

// nftables rules that take the place of an earlier installation's chain.
class ReplacingNftables final : public Redirect {
 public:
  ReplacingNftables(RedirectTarget target, base::Clock& clock, base::Random& random)
      : target_(target), clock_(clock), nftables_(target, random) {}
  std::string_view name() const override { return nftables_.name(); }
  base::Task<base::Result<>> install() override { return nftables_.install(); }
  base::Task<base::Result<>> wait_for_damage() override { return nftables_.wait_for_damage(); }
  base::Task<> replace_predecessors() override {
    const std::vector<IptablesVariant> variants = co_await IptablesRedirect::variants();
    for (const IptablesVariant& variant : variants) {
      IptablesRedirect old(target_, variant, std::chrono::seconds(0), clock_);
      const base::Result<> removed = co_await old.remove();
      // Harmless where it stays: our table decides before it.
      if (!removed) base::log::debug("cannot look for an earlier iptables chain", {{"error", removed.error()}});
    }
  }
  base::Task<base::Result<>> remove() override { return nftables_.remove(); }

 private:
  const RedirectTarget target_;
  base::Clock& clock_;
  NftablesRedirect nftables_;
};

// The same the other way round. Until our earlier table goes it decides before the chain, perhaps for a port where nobody
// listens any more, so the rules are not in place before.
class ReplacingIptables final : public Redirect {
 public:
  ReplacingIptables(IptablesRedirect iptables, RedirectTarget target, base::Random& random)
      : iptables_(std::move(iptables)), old_(std::move(target), random) {}
  std::string_view name() const override { return iptables_.name(); }
  base::Task<base::Result<>> install() override {
    base::Result<> done = co_await iptables_.install();
    if (!done) co_return done;
    base::Result<> removed = co_await old_.remove();
    if (!removed && is_hopeless(removed.error())) co_return base::Result<>{};  // no nftables here, so no table either
    co_return removed;
  }
  base::Task<base::Result<>> wait_for_damage() override { return iptables_.wait_for_damage(); }
  base::Task<base::Result<>> remove() override { return iptables_.remove(); }

 private:
  IptablesRedirect iptables_;
  NftablesRedirect old_;
};

base::Task<base::Result<IptablesRedirect>> make_iptables(RedirectOptions options, base::Clock& clock) {
  if (!options.target.metadata_ip6.empty()) {
    co_return base::fail(base::ErrorKind::unsupported, "--metadata-ip6 needs --redirect=nftables");
  }
  const base::Result<IptablesVariant> variant = co_await IptablesRedirect::choose_variant(options.target, clock);
  if (!variant) co_return std::unexpected(variant.error());
  co_return IptablesRedirect(options.target, *variant, options.check_interval, clock);
}

}  // namespace

bool is_hopeless(const base::Error& error) {
  return error.kind == base::ErrorKind::denied || error.kind == base::ErrorKind::not_found ||
         error.kind == base::ErrorKind::unsupported;
}

base::Task<base::Result<std::unique_ptr<Redirect>>> install_redirect(RedirectOptions options, base::Clock& clock,
                                                                     base::Random& random) {
  if (options.backend == "none") co_return std::make_unique<NoRedirect>(clock);
  if (options.backend != "iptables") {
    auto nftables = std::make_unique<ReplacingNftables>(options.target, clock, random);
    const base::Result<> installed = co_await nftables->install();
    if (installed) co_return nftables;
    if (options.backend == "nftables" || !is_hopeless(installed.error())) {
      co_return std::unexpected(installed.error());
    }
    base::log::warning("nftables cannot be used, trying iptables", {{"error", installed.error()}});
  }
  base::Result<IptablesRedirect> made = co_await make_iptables(options, clock);
  if (!made) co_return std::unexpected(std::move(made.error()));
  auto iptables = std::make_unique<ReplacingIptables>(std::move(*made), options.target, random);
  base::Result<> installed = co_await iptables->install();
  if (!installed) co_return std::unexpected(std::move(installed.error()));
  co_return iptables;
}

base::Task<base::Result<>> uninstall_redirect(RedirectTarget target, base::Clock& clock, base::Random& random) {
  // Every back end is tried; the first failure is reported after that.
  base::Result<> result;
  const base::Result<> usable = co_await NftablesRedirect::probe(target);
  if (usable) {
    NftablesRedirect nftables(target, random);
    const base::Result<> removed = co_await nftables.remove();
    if (!removed) result = removed;
  }
  const std::vector<IptablesVariant> variants = co_await IptablesRedirect::variants();
  for (const IptablesVariant& variant : variants) {
    IptablesRedirect iptables(target, variant, std::chrono::seconds(0), clock);
    const base::Result<> removed = co_await iptables.remove();
    if (!removed && result) result = removed;
  }
  if (!usable && (variants.empty() || !is_hopeless(usable.error()))) result = usable;
  co_return result;
}

}  // namespace podid::nmi
