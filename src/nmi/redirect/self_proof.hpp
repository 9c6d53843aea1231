// SPDX-License-Identifier: Apache-2.0
// Whether the rules lead to us what they should: asked by packets like a pod's, on a veth of our own (nmi.md §11.4).
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// The NMI's answer to a nonce, which nobody else can give; empty: there is no self-proof.
using ExpectedProof = std::function<std::string(std::string_view nonce)>;

// One executor. A veth pair in the node's own namespace needs NET_ADMIN, the packet socket NET_RAW.
class SelfProof {
 public:
  SelfProof(base::Executor executor, RedirectTarget target, ExpectedProof expected, base::Random& random);
  SelfProof(const SelfProof&) = delete;
  SelfProof& operator=(const SelfProof&) = delete;
  ~SelfProof();

  // Makes the veth, in the place of what a process that crashed has left.
  base::Task<base::Result<>> open();
  bool is_open() const { return packets_ >= 0; }
  // Whether nobody has taken the veth away since.
  bool has_links() const;
  // Makes good what somebody took away of a veth that is there: addresses, route, neighbour.
  base::Task<base::Result<>> connect();
  // Two tries of 250 ms at most, blocking; some 0.4 ms where it holds. Whether the NMI has answered.
  bool holds();
  void close();

 private:
  base::Executor executor_;
  const RedirectTarget target_;
  const ExpectedProof expected_;
  base::Random& random_;
  int packets_ = -1;
  int node_end_ = 0;  // its index
};

// Takes the veth away; harmless where there is none.
base::Task<base::Result<>> remove_self_proof();

}  // namespace podid::nmi
