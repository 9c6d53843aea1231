// SPDX-License-Identifier: Apache-2.0
// The redirect as aad-pod-identity lays it: chain aad-metadata in table nat. Chains of ours close the loopback, and the
// way to the real endpoint while that chain is damaged.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "nmi/redirect/redirect.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// One of a machine's two iptables: over the old kernel interface or over nftables. Rules of one are invisible to the
// other and both take effect.
struct IptablesVariant {
  std::string command;  // "iptables", "iptables-legacy", "iptables-nft"
  std::string restore;  // "iptables-restore", …
  bool legacy = false;  // over the old interface: just looking at a table there creates it
};

// Executes iptables and iptables-restore (package iptables).
class IptablesRedirect final : public Redirect {
 public:
  IptablesRedirect(RedirectTarget target, IptablesVariant variant, std::chrono::seconds check_interval,
                   base::Clock& clock);

  std::string_view name() const override { return "iptables"; }
  base::Task<base::Result<>> install() override;
  base::Task<base::Result<>> wait_for_damage() override;
  base::Task<base::Result<>> remove() override;

  // The variant in which aad-pod-identity's chain is already, else the machine's default. Errors say what to install.
  static base::Task<base::Result<IptablesVariant>> choose_variant(RedirectTarget target, base::Clock& clock);
  // Every variant that this machine has, its default first.
  static base::Task<std::vector<IptablesVariant>> variants();

 private:
  // The chain as `-S` prints it, its rules after its name; empty when there is no such chain.
  base::Task<base::Result<std::string>> list(std::string_view table, std::string_view chain);
  // What there is of all our chains.
  base::Task<base::Result<std::vector<FoundChain>>> look();
  base::Task<base::Result<>> restore(std::string script);

  const RedirectTarget target_;
  const IptablesVariant variant_;
  const std::chrono::seconds check_interval_;
  base::Clock& clock_;
};

}  // namespace podid::nmi
