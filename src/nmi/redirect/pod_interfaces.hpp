// SPDX-License-Identifier: Apache-2.0
// route_localnet on the interfaces behind which pods are: without it the kernel drops what the redirect sends to the
// node's loopback.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/netlink/netlink.hpp"

namespace podid::nmi {

// What the kernel says about an interface.
struct Interface {
  int index = 0;
  std::string name;
  std::string kind;                      // "veth", "bridge", …; empty for hardware
  bool enslaved = false;                 // traffic arrives at its master
  std::optional<bool> route_localnet{};  // nothing: it has no IPv4, so no packet for us arrives there
  std::string mark{};                    // an alternative name of it that says that we set route_localnet
  int master = 0;                        // index of the bridge, bond, … of which it is a port
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

// From the kernel's notice; nothing where it is about something else.
std::optional<Interface> read_interface(const nlmsghdr& message);
// What there is in the network namespace.
base::Task<base::Result<std::vector<Interface>>> list_interfaces(Netlink& netlink);

// One that has gone meanwhile is no error.
base::Task<base::Result<>> set_route_localnet(Netlink& netlink, int index, bool value);

// One executor. Netlink alone is used: /proc/sys is read-only in most containers. What we set is marked by an alternative
// name of the interface: the kernel keeps it for as long as the setting, whatever becomes of us, and what others have set
// can be told from it.
class PodInterfaces {
 public:
  // `on_change`: problem() says something else; may be empty.
  PodInterfaces(base::Executor executor, InterfacePattern pattern, std::function<void()> on_change = {});

  // Sets route_localnet on the matching interfaces, then on others as they appear. Ends by cancellation, or with an
  // error when one cannot be set or netlink fails.
  base::Task<base::Result<>> keep_open();
  // Why a matching interface may be without it; empty: none was at the last look.
  const std::string& problem() const { return problem_; }
  // Clears it where we set it (uninstalling), whatever the pattern is now.
  base::Task<base::Result<>> close_opened();

 private:
  base::Task<base::Result<>> follow();
  base::Task<base::Result<>> open_existing(Netlink& netlink);
  bool to_open(const Interface& interface) const;
  base::Task<base::Result<>> open(Netlink& netlink, Interface interface);
  base::Task<base::Result<>> open_all(Netlink& netlink, std::vector<Interface> interfaces);

  void set_problem(std::string problem);

  base::Executor executor_;
  InterfacePattern pattern_;
  std::function<void()> on_change_;
  std::string problem_ = "the pods' interfaces have not been looked at yet";
  bool told_of_no_marks_ = false;
};

}  // namespace podid::nmi
