// SPDX-License-Identifier: Apache-2.0
// Which back end redirects on this node, and what takes the place of what an earlier run with another one left.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "nmi/redirect/redirect.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

struct RedirectOptions {
  std::string backend = "auto";  // auto, nftables, iptables, none
  RedirectTarget target;
  // How often the iptables back end looks at its rules; nftables is told of changes by the kernel.
  std::chrono::seconds check_interval{60};
};

// Trying again cannot help: a tool is missing, the kernel does not support it, or we may not use it.
bool is_hopeless(const base::Error& error);

// Puts the rules in place: with nftables, or with iptables where nft can never work here (a failure of nft that may pass
// is an error: try again). The rules of a run with the other back end go when ours are there. Errors say what is missing
// and what to install. References outlive the redirect.
base::Task<base::Result<std::unique_ptr<Redirect>>> install_redirect(RedirectOptions options, base::Clock& clock,
                                                                     base::Random& random);

// Removes what any back end has ever made on this node (nmi --uninstall).
base::Task<base::Result<>> uninstall_redirect(RedirectTarget target, base::Clock& clock, base::Random& random);

}  // namespace podid::nmi
