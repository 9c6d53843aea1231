// SPDX-License-Identifier: Apache-2.0
#include "nmi/startup_taint.hpp"

#include "base/json.hpp"

namespace podid::nmi {
namespace {

constexpr int kMaxAttempts = 5;

}  // namespace

std::optional<boost::json::value> taint_patch(const boost::json::value& node, std::string_view prefix,
                                              std::size_t& removed) {
  removed = 0;
  const boost::json::value* taints = base::find_path(node, {"spec", "taints"});
  if (taints == nullptr || !taints->is_array()) return std::nullopt;
  boost::json::array kept;
  for (const boost::json::value& taint : taints->get_array()) {
    if (base::text_at(taint, {"key"}).starts_with(prefix)) {
      ++removed;
    } else {
      kept.push_back(taint);
    }
  }
  if (removed == 0) return std::nullopt;
  return boost::json::value{{"metadata", {{"resourceVersion", base::text_at(node, {"metadata", "resourceVersion"})}}},
                            {"spec", {{"taints", std::move(kept)}}}};
}

base::Task<base::Result<std::size_t>> remove_startup_taints(kube::Client& client, std::string node, std::string prefix,
                                                            base::SteadyTime deadline) {
  if (prefix.empty()) co_return std::size_t{0};
  const net::Deadline until = net::Deadline::at(deadline);
  for (int attempt = 1;; ++attempt) {
    const base::Result<boost::json::value> object = co_await client.get(kube::kNodes, {"", node}, until);
    if (!object) co_return base::fail(object.error(), "node " + node);
    std::size_t removed = 0;
    std::optional<boost::json::value> body = taint_patch(*object, prefix, removed);
    if (!body) co_return removed;
    kube::Patch patch{.type = kube::PatchType::merge, .body = std::move(*body), .subresource = {}, .field_manager = {}};
    const base::Result<boost::json::value> patched =
        co_await client.patch(kube::kNodes, {"", node}, std::move(patch), until);
    if (patched) co_return removed;
    if (patched.error().kind != base::ErrorKind::conflict || attempt == kMaxAttempts) {
      co_return base::fail(patched.error(), "node " + node);
    }
  }
}

}  // namespace podid::nmi
