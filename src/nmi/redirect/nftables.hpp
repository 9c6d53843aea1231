// SPDX-License-Identifier: Apache-2.0
// The redirect in a table of our own.
#pragma once
#include <memory>
#include <string>

#include "base/random.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/redirect/nft_watch.hpp"
#include "nmi/redirect/redirect.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

enum class NftRun { apply, check_only };
// Executes nft with a script. `denied`, `not_found` and `unsupported`: it can never work here.
base::Task<base::Result<>> run_nft(std::string script, NftRun run);

// Executes nft (package nftables). Nobody else has rules in table inet podid, so any foreign change of it is damage;
// the kernel tells us of it within the transaction that made it.
class NftablesRedirect final : public Redirect {
 public:
  NftablesRedirect(RedirectTarget target, base::Random& random);

  std::string_view name() const override { return "nftables"; }
  base::Task<base::Result<>> install() override;
  base::Task<base::Result<>> wait_for_damage() override;
  base::Task<base::Result<>> remove() override;

  // Whether nft is there, we may use it, and this kernel takes our rules. Changes nothing.
  static base::Task<base::Result<>> probe(RedirectTarget target);

 private:
  base::Result<> subscribe(base::Executor executor);

  RedirectTarget target_;
  std::string process_mark_;
  int installations_ = 0;
  std::unique_ptr<Netlink> events_;  // null: not subscribed yet, or the subscription failed
  NftWatch watch_{kNftTable};
};

}  // namespace podid::nmi
