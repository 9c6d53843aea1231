// SPDX-License-Identifier: Apache-2.0
// Tells changes of our nftables table by others from our own. Pure: fed with netlink messages.
#pragma once
#include <linux/netfilter.h>
#include <linux/netlink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace podid::nmi {

// The kernel notifies rule by rule and ends each transaction with a message of its own. A transaction that touches our
// table and does not carry our mark (the comment of our rules, new for every installation) is somebody else's.
class NftWatch {
 public:
  // `table` outlives this object; `family` is one of NFPROTO_*.
  explicit NftWatch(std::string_view table, std::uint8_t family = NFPROTO_INET) : table_(table), family_(family) {}

  // The mark of a transaction that is about to be made. Each is good for one transaction.
  void expect(std::string mark);
  // True when a foreign transaction that touched our table has just ended.
  bool observe(const nlmsghdr& message);

 private:
  std::string_view table_;
  std::uint8_t family_;
  std::vector<std::string> expected_;  // transactions of ours that have not been seen yet
  bool touched_ = false;               // by the transaction in progress
  std::string seen_;                   // the mark that it carries
};

}  // namespace podid::nmi
