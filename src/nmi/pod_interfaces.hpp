// SPDX-License-Identifier: Apache-2.0
// route_localnet on the interfaces behind which pods are: without it the kernel drops what the redirect sends to the
// node's loopback.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/netlink.hpp"

namespace podid::nmi {

// What the kernel says about an interface.
struct Interface {
  int index = 0;
  std::string name;
  std::string kind;       // "veth", "bridge", …; empty for hardware
  bool enslaved = false;  // traffic arrives at its master
  bool route_localnet = false;
};

// --pod-interfaces: "auto" (bridges and veths that belong to no bridge), "none", or comma-separated names, in each of
// which '*' stands for any text.
class InterfacePattern {
 public:
  static base::Result<InterfacePattern> parse(std::string_view text);
  bool matches(const Interface& interface) const;
  bool none() const { return !auto_ && patterns_.empty(); }

 private:
  bool auto_ = false;
  std::vector<std::string> patterns_;
};

// One executor. Netlink alone is used: /proc/sys is read-only in most containers.
class PodInterfaces {
 public:
  PodInterfaces(base::Executor executor, InterfacePattern pattern);

  // Sets route_localnet on all matching interfaces; answers on how many it was not yet set.
  base::Task<base::Result<std::size_t>> open_existing();
  // Sets it on interfaces as they appear. Ends by cancellation, or with an error when netlink fails.
  base::Task<base::Result<>> follow();
  // Clears it on all matching interfaces (uninstalling).
  base::Task<base::Result<>> close_existing();

 private:
  base::Task<base::Result<std::size_t>> set_all(bool value);
  base::Task<base::Result<>> set(Netlink& netlink, Interface interface, bool value);

  base::Executor executor_;
  InterfacePattern pattern_;
};

}  // namespace podid::nmi
