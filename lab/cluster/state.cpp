// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/state.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/file.hpp"

namespace podid::lab::cluster {

namespace json = boost::json;

bool has_own_clock(std::string_view control_plane) { return control_plane == "embedded"; }

Component* LabState::find(std::string_view name) {
  const auto found = std::ranges::find(components, name, &Component::name);
  return found == components.end() ? nullptr : &*found;
}

base::Result<> save_state(const LabState& state) {
  json::array components;
  for (const Component& component : state.components) {
    components.push_back({{"name", component.name},
                          {"networkNamespace", component.network_namespace},
                          {"command", json::value_from(component.command)},
                          {"environment", json::value_from(component.environment)},
                          {"pid", component.pid},
                          {"started", component.started}});
  }
  const json::value document = {{"name", state.layout.name},
                                {"nodes", state.layout.nodes.size()},
                                {"controlPlane", state.control_plane},
                                {"components", std::move(components)}};
  return base::write_file(state.layout.file("lab.json"), json::serialize(document), 0600);
}

base::Result<LabState> load_state(const std::string& directory) {
  const std::string path = directory + "/lab.json";
  auto text = base::read_file(path);
  if (!text) {
    if (text.error().kind == base::ErrorKind::not_found) {
      return base::fail(base::ErrorKind::not_found, "no lab at " + directory + ": start one with `podid lab up`");
    }
    return std::unexpected(text.error());
  }
  try {
    const json::value document = json::parse(*text);
    auto layout = make_layout(json::value_to<std::string>(document.at("name")), directory,
                              json::value_to<std::size_t>(document.at("nodes")));
    if (!layout) return std::unexpected(layout.error());
    LabState state{.layout = std::move(*layout),
                   .control_plane = json::value_to<std::string>(document.at("controlPlane")),
                   .components = {}};
    for (const json::value& entry : document.at("components").as_array()) {
      Component component;
      component.name = json::value_to<std::string>(entry.at("name"));
      component.network_namespace = json::value_to<std::string>(entry.at("networkNamespace"));
      component.command = json::value_to<std::vector<std::string>>(entry.at("command"));
      component.environment = json::value_to<std::map<std::string, std::string>>(entry.at("environment"));
      component.pid = json::value_to<pid_t>(entry.at("pid"));
      component.started = json::value_to<unsigned long long>(entry.at("started"));
      state.components.push_back(std::move(component));
    }
    return state;
  } catch (const std::exception& error) {
    return base::fail(base::ErrorKind::invalid, path + " is damaged (" + error.what() + "): run `podid lab down`");
  }
}

}  // namespace podid::lab::cluster
