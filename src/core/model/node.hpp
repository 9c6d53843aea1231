// SPDX-License-Identifier: Apache-2.0
// What we keep of a node.
#pragma once
#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "core/model/invalid.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

struct Taint {
  std::string key;
  std::string value;
  std::string effect;
  bool operator==(const Taint&) const = default;
};

struct Node {
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string provider_id;  // azure:///subscriptions/…; may be empty
  std::vector<Taint> taints;
  bool operator==(const Node&) const = default;
};

Read<Node> read_node(const boost::json::value& object);

}  // namespace podid::core
