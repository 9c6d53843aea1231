// SPDX-License-Identifier: Apache-2.0
#include "core/model/node.hpp"

#include "core/model/json_fields.hpp"

namespace podid::core {

Read<Node> read_node(const boost::json::value& object) {
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  Node node;
  const JsonFields meta = root.object("metadata");
  node.name = meta.text("name");
  node.uid = meta.text("uid");
  node.resource_version = meta.text("resourceVersion");
  const JsonFields spec = root.object("spec");
  node.provider_id = spec.text("providerID");
  spec.each("taints", [&node](const JsonFields& taint) {
    node.taints.push_back({taint.text("key"), taint.text("value"), taint.text("effect")});
  });
  if (problem) return std::unexpected(*std::move(problem));
  return node;
}

}  // namespace podid::core
