// SPDX-License-Identifier: Apache-2.0
// Which pods want which identity on which VM or scale set: the reference counts behind "in use" (mic.md §6.3, MIC-9, 10).
#pragma once
#include <compare>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace podid::mic {

// One identity that one pod wants on its node's Azure resource. Everything in lower case but the source.
struct Claim {
  std::string target;    // core::ComputeTarget::key()
  std::string identity;  // core::resource_id_key()
  std::string client_id;
  std::string source;  // the AzureIdentity, "ns/name"
  auto operator<=>(const Claim&) const = default;
};

// Not thread-safe. Equal claims of many pods are stored once.
class Claims {
 public:
  // Replaces what `pod` claims. Answers the targets of its claims, old and new, when they are not the same as before.
  std::set<std::string> set(const std::string& pod, const std::vector<Claim>& claims);

  // Whether some pod wants the identity on that target.
  bool in_use(std::string_view target, std::string_view identity) const;
  // Whether some pod uses the client id on that target through another AzureIdentity than `source`. Such a pod gets its
  // tokens from what is attached under that client id, whatever resource id its own AzureIdentity names.
  bool client_in_use(std::string_view target, std::string_view client_id, std::string_view source) const;
  // Whether AzureIdentities of that namespace name `limit` different identities on the target or more.
  bool crowded(std::string_view target, std::string_view source_namespace, std::size_t limit) const;
  // Whether anything is claimed on the target.
  bool any(std::string_view target) const;
  std::size_t pods() const { return pods_.size(); }

 private:
  using Client = std::tuple<std::string, std::string, std::string>;  // target, client id, source
  using Counts = std::map<Claim, std::size_t>;

  void release(const Claim& claim);

  Counts counts_;
  std::map<Client, std::size_t> clients_;
  std::unordered_map<std::string, std::vector<Counts::iterator>> pods_;
};

}  // namespace podid::mic
