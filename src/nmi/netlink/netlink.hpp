// SPDX-License-Identifier: Apache-2.0
// A netlink socket on an event loop (libmnl below).
#pragma once
#include <linux/netlink.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "base/async.hpp"
#include "base/error.hpp"

struct mnl_socket;

namespace podid::nmi {

// One executor. Requests one after another; a socket that subscribes makes no requests. Needs CAP_NET_ADMIN for changes
// and for netfilter's notifications: `denied` without it.
class Netlink {
 public:
  using Visit = std::function<void(const nlmsghdr&)>;

  // `bus`: NETLINK_ROUTE or NETLINK_NETFILTER.
  static base::Result<std::unique_ptr<Netlink>> open(base::Executor executor, int bus);
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;
  ~Netlink();

  base::Result<> subscribe(int group);

  // Sends one message (its sequence number is set here) and visits the answers until the acknowledgement or the end
  // of a dump. Errors carry the kernel's errno as text; `not_found` for ENOENT and ESRCH, `already_exists`. A dump that the kernel says
  // was torn by a concurrent change is asked for again by the caller.
  base::Task<base::Result<>> request(nlmsghdr& message, const Visit& visit);

  // Visits the next notifications. False: the kernel dropped some because we were too slow, so state must be read anew.
  base::Task<base::Result<bool>> notifications(const Visit& visit);

 private:
  using Descriptor = base::asio::posix::basic_stream_descriptor<base::Executor>;
  Netlink(base::Executor executor, mnl_socket* socket);

  base::Task<base::Result<std::size_t>> receive();

  mnl_socket* socket_;
  Descriptor descriptor_;           // over a duplicate of the socket's file descriptor
  std::unique_ptr<char[]> buffer_;  // not zeroed: most of its pages are never used
  std::uint32_t sequence_ = 0;
};

}  // namespace podid::nmi
