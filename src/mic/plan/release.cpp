// SPDX-License-Identifier: Apache-2.0
#include "mic/plan/release.hpp"

#include <boost/json.hpp>
#include <utility>

#include "base/json.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"

namespace podid::mic {
namespace json = boost::json;

std::vector<Release> pending_releases(const core::AzureAssignedIdentity& assigned) {
  std::vector<Release> releases;
  const std::string_view text = core::value_or_empty(assigned.meta.annotations, kPendingDetachAnnotation);
  if (text.empty()) return releases;
  json::error_code error;
  const json::value list = json::parse(text, error);
  if (error || !list.is_array()) return releases;
  for (const json::value& item : list.get_array()) {
    if (!item.is_object() || releases.size() == kMaxPendingDetach) continue;
    const json::object& entry = item.get_object();
    Release release{.target = std::string(base::text_at(entry, {"target"})),
                    .identity = core::resource_id_key(core::ResourceIdView(base::text_at(entry, {"identity"}))),
                    .client_id = core::ClientId(std::string(base::text_at(entry, {"clientID"})))};
    if (!core::compute_target_from_key(release.target) ||
        !core::is_valid_identity_resource_id(core::ResourceIdView(release.identity)))
      continue;
    releases.push_back(std::move(release));
  }
  return releases;
}

std::string pending_releases_text(const std::vector<Release>& releases) {
  if (releases.empty()) return {};
  json::array list;
  const std::size_t first = releases.size() > kMaxPendingDetach ? releases.size() - kMaxPendingDetach : 0;
  for (std::size_t i = first; i < releases.size(); ++i) {
    list.push_back(json::object{{"target", releases[i].target},
                                {"identity", releases[i].identity},
                                {"clientID", releases[i].client_id.text()}});
  }
  return json::serialize(list);
}

std::optional<core::ComputeTarget> target_of(const core::AzureAssignedIdentity& assigned, const NodeDirectory& nodes) {
  const std::string_view key = core::value_or_empty(assigned.meta.annotations, core::kComputeAnnotation);
  if (!key.empty()) {
    if (auto target = core::compute_target_from_key(key)) return *target;
  }
  return nodes.find(assigned.node_name).target;
}

std::optional<Release> own_release(const core::AzureAssignedIdentity& assigned, const NodeDirectory& nodes) {
  if (!assigned.identity.user_assigned() || assigned.status == core::kUnassigned) return std::nullopt;
  if (!core::is_valid_identity_resource_id(assigned.identity.resource_id)) return std::nullopt;
  const std::optional<core::ComputeTarget> target = target_of(assigned, nodes);
  if (!target) return std::nullopt;
  const bool node_gone = !nodes.find(assigned.node_name).exists;
  if (node_gone && target->kind == core::ComputeKind::virtual_machine) return std::nullopt;
  return Release{.target = target->key(),
                 .identity = core::resource_id_key(assigned.identity.resource_id),
                 .client_id = assigned.identity.client_id};
}

}  // namespace podid::mic
