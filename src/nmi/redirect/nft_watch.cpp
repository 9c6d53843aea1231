// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/nft_watch.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kMaxExpected = 16;

// The attribute that names the table is number 1 in the messages of tables, chains, rules, sets and objects.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1);

std::string_view table_of(const nlmsghdr& message) {
  std::string_view table;
  each_attribute(message, sizeof(nfgenmsg), [&table](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == NFTA_TABLE_NAME) table = attribute_text(attribute);
  });
  return table;
}

bool alters_rules(int type) {
  return type == NFT_MSG_NEWTABLE || type == NFT_MSG_DELTABLE || type == NFT_MSG_NEWCHAIN || type == NFT_MSG_DELCHAIN ||
         type == NFT_MSG_NEWRULE || type == NFT_MSG_DELRULE;
}

}  // namespace

void NftWatch::expect(std::string mark) {
  // A transaction that fails is never seen.
  if (expected_.size() == kMaxExpected) expected_.erase(expected_.begin());
  expected_.push_back(std::move(mark));
}

bool NftWatch::observe(const nlmsghdr& message) {
  if ((message.nlmsg_type >> 8) != NFNL_SUBSYS_NFTABLES) return false;
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(nfgenmsg))) return false;
  const int type = message.nlmsg_type & 0xff;
  if (type == NFT_MSG_NEWGEN) {
    const bool foreign = touched_ && seen_.empty();
    std::erase(expected_, seen_);
    touched_ = false;
    seen_.clear();
    return foreign;
  }
  const auto* generic = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&message));
  if (generic->nfgen_family != family_ || !alters_rules(type) || table_of(message) != table_) return false;
  touched_ = true;
  const std::string_view bytes(reinterpret_cast<const char*>(&message), message.nlmsg_len);
  // A rule that is deleted carries the mark of the transaction that had made it, so only new ones count.
  if (type != NFT_MSG_NEWRULE) return false;
  for (const std::string& mark : expected_) {
    if (bytes.contains(mark)) seen_ = mark;
  }
  return false;
}

}  // namespace podid::nmi
