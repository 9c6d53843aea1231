// SPDX-License-Identifier: Apache-2.0
#include "mic/world/claims.hpp"

#include <algorithm>
#include <utility>

namespace podid::mic {

std::set<std::string> Claims::set(const std::string& pod, const std::vector<Claim>& claims) {
  std::vector<Counts::iterator> before;
  if (const auto found = pods_.find(pod); found != pods_.end()) before = found->second;
  const auto same = [](const Counts::iterator& at, const Claim& claim) { return at->first == claim; };
  if (std::ranges::equal(before, claims, same)) return {};

  std::set<std::string> targets;
  std::vector<Counts::iterator> now;
  now.reserve(claims.size());
  for (const Claim& claim : claims) {
    const auto at = counts_.try_emplace(claim, 0).first;
    ++at->second;
    if (!claim.client_id.empty()) ++clients_[{claim.target, claim.client_id, claim.source}];
    now.push_back(at);
    targets.insert(claim.target);
  }
  if (now.empty()) {
    pods_.erase(pod);
  } else {
    pods_[pod] = std::move(now);
  }
  for (const Counts::iterator at : before) {
    targets.insert(at->first.target);
    release(at->first);
    if (--at->second == 0) counts_.erase(at);
  }
  return targets;
}

void Claims::release(const Claim& claim) {
  const auto client = clients_.find({claim.target, claim.client_id, claim.source});
  if (client != clients_.end() && --client->second == 0) clients_.erase(client);
}

bool Claims::in_use(std::string_view target, std::string_view identity) const {
  const Claim first{.target = std::string(target), .identity = std::string(identity), .client_id = {}, .source = {}};
  const auto at = counts_.lower_bound(first);
  return at != counts_.end() && at->first.target == target && at->first.identity == identity;
}

bool Claims::client_in_use(std::string_view target, std::string_view client_id, std::string_view source) const {
  if (client_id.empty()) return false;
  for (auto at = clients_.lower_bound({std::string(target), std::string(client_id), {}}); at != clients_.end(); ++at) {
    const auto& [its_target, its_client, its_source] = at->first;
    if (its_target != target || its_client != client_id) return false;
    if (its_source != source) return true;
  }
  return false;
}

bool Claims::crowded(std::string_view target, std::string_view source_namespace, std::size_t limit) const {
  const std::string source_start = std::string(source_namespace) + "/";
  std::size_t found = 0;
  std::string_view last;
  auto at = counts_.lower_bound(Claim{.target = std::string(target), .identity = {}, .client_id = {}, .source = {}});
  for (; found < limit && at != counts_.end() && at->first.target == target; ++at) {
    if (at->first.identity == last || !at->first.source.starts_with(source_start)) continue;
    last = at->first.identity;
    ++found;
  }
  return found >= limit;
}

bool Claims::any(std::string_view target) const {
  const auto at =
      counts_.lower_bound(Claim{.target = std::string(target), .identity = {}, .client_id = {}, .source = {}});
  return at != counts_.end() && at->first.target == target;
}

}  // namespace podid::mic
