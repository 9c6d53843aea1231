// SPDX-License-Identifier: Apache-2.0
// What sends the pods' metadata traffic to the NMI: one interface, three back ends.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// One executor. Rules stay when the object or the process ends: only remove() takes them away.
class Redirect {
 public:
  virtual ~Redirect() = default;
  virtual std::string_view name() const = 0;

  // Puts the rules in place as one transaction, replacing what an earlier process left. Repeating it is harmless.
  virtual base::Task<base::Result<>> install() = 0;
  // Completes when the rules may have been altered by somebody else (they are then to be installed again). Call after
  // install(). An error means that changes cannot be observed at the moment.
  virtual base::Task<base::Result<>> wait_for_damage() = 0;
  // After install(): takes away what an earlier installation of another kind left.
  virtual base::Task<> replace_predecessors() { co_return; }
  // Takes away everything that install() makes; nothing else.
  virtual base::Task<base::Result<>> remove() = 0;
};

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
