// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/imds/imds_instance.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "lab/azure/imds/imds_replies.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

const json::value* child(const json::value& parent, std::string_view name) {
  if (const json::object* object = parent.if_object()) return object->if_contains(name);
  const json::array* array = parent.if_array();
  const auto index = base::parse_number<std::size_t>(name);
  return array != nullptr && index && *index < array->size() ? &(*array)[*index] : nullptr;
}

// One child a line; those with children of their own end in a slash.
std::string list_children(const json::value& parent) {
  std::string out;
  const auto add = [&](std::string_view name, const json::value& value) {
    out += fmt::format("{}{}{}", out.empty() ? "" : "\n", name, value.is_structured() ? "/" : "");
  };
  if (const json::object* object = parent.if_object()) {
    for (const auto& [name, value] : *object) add(name, value);
  } else {
    std::size_t index = 0;
    for (const json::value& value : parent.get_array()) add(std::to_string(index++), value);
  }
  return out;
}

}  // namespace

json::object instance_document(const World& world, std::string_view node_name, const Node& node) {
  const ResourceId id = parse_resource_id(node.machine_id).value_or(ResourceId{});
  const Machine& machine = world.machines.find(node.machine_id)->second;
  const bool scale_set = is_scale_set(id);
  const std::string name = scale_set ? fmt::format("{}_{}", id.name, node.instance_id) : id.name;
  const std::string resource_id =
      scale_set ? fmt::format("{}/virtualMachines/{}", node.machine_id, node.instance_id) : node.machine_id;
  json::object flexible_set;
  flexible_set["id"] = machine.scale_set_id;
  json::object compute{{"azEnvironment", "AzurePublicCloud"},
                       {"customData", ""},
                       {"location", machine.location},
                       {"name", name},
                       {"offer", "0001-com-ubuntu-server-jammy"},
                       {"osProfile", {{"adminUsername", "azureuser"}, {"computerName", node_name}}},
                       {"osType", "Linux"},
                       {"placementGroupId", ""},
                       {"platformFaultDomain", "0"},
                       {"platformUpdateDomain", "0"},
                       {"priority", ""},
                       {"provider", "Microsoft.Compute"},
                       {"publicKeys", json::array()},
                       {"publisher", "canonical"},
                       {"resourceGroupName", id.resource_group},
                       {"resourceId", resource_id},
                       {"sku", "22_04-lts-gen2"},
                       {"subscriptionId", id.subscription_id},
                       {"tags", ""},
                       {"tagsList", json::array()},
                       {"version", "22.04.202601010"},
                       {"virtualMachineScaleSet", std::move(flexible_set)},
                       {"vmId", node.vm_id},
                       {"vmScaleSetName", scale_set ? id.name : std::string()},
                       {"vmSize", machine.size},
                       {"zone", ""}};
  json::array ipv4, ipv6;
  for (const std::string& address : node.addresses) {
    json::object entry{{"privateIpAddress", address}};
    if (address.find(':') != std::string::npos) {
      ipv6.push_back(std::move(entry));
    } else {
      entry["publicIpAddress"] = "";
      ipv4.push_back(std::move(entry));
    }
  }
  json::array subnet;
  subnet.push_back(json::object{{"address", "10.0.0.0"}, {"prefix", "24"}});
  json::object interface;
  interface["ipv4"] = json::object{{"ipAddress", std::move(ipv4)}, {"subnet", std::move(subnet)}};
  interface["ipv6"].emplace_object()["ipAddress"] = std::move(ipv6);
  interface["macAddress"] = "000D3A000001";
  json::array interfaces;
  interfaces.push_back(std::move(interface));
  json::object network;
  network["interface"] = std::move(interfaces);
  return {{"compute", std::move(compute)}, {"network", std::move(network)}};
}

Reply instance_reply(const json::object& document, std::span<const std::string> path, const Call& call) {
  const std::string format = call.parameter("format").value_or("json");
  if (format != "json" && format != "text") return imds_error(400, "Bad request. format is invalid");
  const json::value whole(document);
  const json::value* part = &whole;
  for (const std::string& name : path) {
    part = child(*part, name);
    if (part == nullptr) return imds_error(404, "Not found");
  }
  if (format == "json") {
    if (!part->is_structured()) {
      return imds_error(400, "Bad request. The requested path has no JSON form: add format=text");
    }
    return json_reply(200, *part);
  }
  return {.status = 200,
          .content_type = "text/plain; charset=utf-8",
          .body = part->is_structured() ? list_children(*part) : std::string(part->get_string())};
}

}  // namespace podid::lab::azure
