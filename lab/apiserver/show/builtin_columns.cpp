// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/builtin_columns.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

using Columns = std::vector<TableColumn>;

const TableColumn kName{.name = "Name", .type = "string", .format = "name"};
const TableColumn kAge{.name = "Age", .type = "string"};

TableColumn text_column(std::string name, int priority = 0) {
  return {.name = std::move(name), .type = "string", .priority = priority};
}

std::string or_none(std::string_view text) { return text.empty() ? "<none>" : std::string(text); }
std::string or_unknown(std::string_view text) { return text.empty() ? "<unknown>" : std::string(text); }

const json::array& list_at(const json::value& object, std::initializer_list<std::string_view> path) {
  static const json::array none;
  const json::value* found = find_path(object, path);
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

std::int64_t number_at(const json::value& object, std::initializer_list<std::string_view> path) {
  const json::value* found = find_path(object, path);
  return found == nullptr ? 0 : as_integer(*found).value_or(0);
}

std::size_t members_at(const json::value& object, std::string_view name) {
  const json::value* found = find_path(object, {name});
  return found != nullptr && found->is_object() ? found->get_object().size() : 0;
}

std::string name_of(const json::value& object) { return std::string(text_at(object, {"metadata", "name"})); }
std::string age(const json::value& object, base::WallTime now) {
  return age_of(text_at(object, {"metadata", "creationTimestamp"}), now);
}

std::string_view condition_status(const json::value& object, std::string_view type) {
  for (const json::value& condition : list_at(object, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) == type) return text_at(condition, {"status"});
  }
  return {};
}

// The state that a container is in, where it says why: "CrashLoopBackOff", "Completed", "ExitCode:1".
std::string container_reason(const json::value& status) {
  if (const std::string_view waiting = text_at(status, {"state", "waiting", "reason"}); !waiting.empty()) {
    return std::string(waiting);
  }
  if (find_path(status, {"state", "terminated"}) == nullptr) return {};
  if (const std::string_view ended = text_at(status, {"state", "terminated", "reason"}); !ended.empty()) {
    return std::string(ended);
  }
  const std::int64_t signal = number_at(status, {"state", "terminated", "signal"});
  if (signal != 0) return fmt::format("Signal:{}", signal);
  return fmt::format("ExitCode:{}", number_at(status, {"state", "terminated", "exitCode"}));
}

json::array pod_cells(const json::value& pod, base::WallTime now) {
  std::string status(text_at(pod, {"status", "reason"}));
  if (status.empty()) status = text_at(pod, {"status", "phase"});
  std::size_t ready = 0;
  std::int64_t restarts = 0;
  bool running = false;
  const json::array& containers = list_at(pod, {"status", "containerStatuses"});
  for (const json::value& container : containers) {
    restarts += number_at(container, {"restartCount"});
    const json::value* is_ready = find_path(container, {"ready"});
    if (is_ready != nullptr && *is_ready == true) ++ready;
    if (find_path(container, {"state", "running"}) != nullptr && is_ready != nullptr && *is_ready == true)
      running = true;
    if (std::string reason = container_reason(container); !reason.empty()) status = std::move(reason);
  }
  if (status == "Completed" && running) status = condition_status(pod, "Ready") == "True" ? "Running" : "NotReady";
  if (!text_at(pod, {"metadata", "deletionTimestamp"}).empty()) {
    status = text_at(pod, {"status", "reason"}) == "NodeLost" ? "Unknown" : "Terminating";
  }
  std::string_view address = text_at(pod, {"status", "podIP"});
  for (const json::value& ip : list_at(pod, {"status", "podIPs"})) {
    address = text_at(ip, {"ip"});
    break;
  }
  const std::size_t gates = list_at(pod, {"spec", "readinessGates"}).size();
  return {name_of(pod),
          fmt::format("{}/{}", ready, list_at(pod, {"spec", "containers"}).size()),
          status,
          std::to_string(restarts),
          age(pod, now),
          or_none(address),
          or_none(text_at(pod, {"spec", "nodeName"})),
          or_none(text_at(pod, {"status", "nominatedNodeName"})),
          gates == 0 ? std::string("<none>") : fmt::format("0/{}", gates)};
}

std::string node_roles(const json::value& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::vector<std::string> roles;
  const json::value* labels = find_path(node, {"metadata", "labels"});
  if (labels != nullptr && labels->is_object()) {
    for (const auto& label : labels->get_object()) {
      const std::string_view key = label.key();
      if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) roles.emplace_back(key.substr(kPrefix.size()));
      if (key == "kubernetes.io/role" && label.value().is_string()) roles.emplace_back(label.value().get_string());
    }
  }
  std::ranges::sort(roles);
  return roles.empty() ? "<none>" : fmt::format("{}", fmt::join(roles, ","));
}

std::string_view node_address(const json::value& node, std::string_view type) {
  for (const json::value& address : list_at(node, {"status", "addresses"})) {
    if (text_at(address, {"type"}) == type) return text_at(address, {"address"});
  }
  return {};
}

json::array node_cells(const json::value& node, base::WallTime now) {
  const std::string_view ready = condition_status(node, "Ready");
  std::string status = ready.empty() ? "Unknown" : ready == "True" ? "Ready" : "NotReady";
  const json::value* cordoned = find_path(node, {"spec", "unschedulable"});
  if (cordoned != nullptr && *cordoned == true) status += ",SchedulingDisabled";
  return {name_of(node),
          status,
          node_roles(node),
          age(node, now),
          std::string(text_at(node, {"status", "nodeInfo", "kubeletVersion"})),
          or_none(node_address(node, "InternalIP")),
          or_none(node_address(node, "ExternalIP")),
          or_unknown(text_at(node, {"status", "nodeInfo", "osImage"})),
          or_unknown(text_at(node, {"status", "nodeInfo", "kernelVersion"})),
          or_unknown(text_at(node, {"status", "nodeInfo", "containerRuntimeVersion"}))};
}

json::array event_cells(const json::value& event, base::WallTime now) {
  const auto first_of = [](std::string_view a, std::string_view b) { return a.empty() ? b : a; };
  const std::string_view first = first_of(text_at(event, {"firstTimestamp"}), text_at(event, {"eventTime"}));
  std::string_view last = first_of(text_at(event, {"lastTimestamp"}), first);
  std::int64_t count = number_at(event, {"count"});
  if (find_path(event, {"series"}) != nullptr) {
    last = text_at(event, {"series", "lastObservedTime"});
    count = number_at(event, {"series", "count"});
  } else if (count == 0) {
    count = 1;
  }
  std::string source(first_of(text_at(event, {"source", "component"}), text_at(event, {"reportingComponent"})));
  const std::string_view host = first_of(text_at(event, {"source", "host"}), text_at(event, {"reportingInstance"}));
  if (!host.empty()) source += fmt::format(", {}", host);
  std::string object = base::to_lower(text_at(event, {"involvedObject", "kind"}));
  if (const std::string_view name = text_at(event, {"involvedObject", "name"}); !name.empty()) {
    object += fmt::format("/{}", name);
  }
  return {age_of(last, now),
          text_at(event, {"type"}),
          text_at(event, {"reason"}),
          object,
          text_at(event, {"involvedObject", "fieldPath"}),
          source,
          base::trim(text_at(event, {"message"})),
          age_of(first, now),
          count,
          name_of(event)};
}

std::string endpoint_addresses(const json::value& endpoints) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> all;
  for (const json::value& subset : list_at(endpoints, {"subsets"})) {
    for (const json::value& address : list_at(subset, {"addresses"})) {
      const std::string_view ip = text_at(address, {"ip"});
      const json::array& ports = list_at(subset, {"ports"});
      if (ports.empty()) all.emplace_back(ip);
      for (const json::value& port : ports) all.push_back(fmt::format("{}:{}", ip, number_at(port, {"port"})));
    }
  }
  if (all.empty()) return "<none>";
  const std::size_t more = all.size() > kShown ? all.size() - kShown : 0;
  all.resize(std::min(all.size(), kShown));
  const std::string text = fmt::format("{}", fmt::join(all, ","));
  return more == 0 ? text : fmt::format("{} + {} more...", text, more);
}

}  // namespace

std::vector<TableColumn> builtin_columns(const Resource& resource) {
  const std::string& kind = resource.kind;
  if (kind == "Pod") {
    return Columns{kName,
                   text_column("Ready"),
                   text_column("Status"),
                   text_column("Restarts"),
                   kAge,
                   text_column("IP", 1),
                   text_column("Node", 1),
                   text_column("Nominated Node", 1),
                   text_column("Readiness Gates", 1)};
  }
  if (kind == "Node") {
    return Columns{kName,
                   text_column("Status"),
                   text_column("Roles"),
                   kAge,
                   text_column("Version"),
                   text_column("Internal-IP", 1),
                   text_column("External-IP", 1),
                   text_column("OS-Image", 1),
                   text_column("Kernel-Version", 1),
                   text_column("Container-Runtime", 1)};
  }
  if (kind == "Event") {
    return Columns{text_column("Last Seen"),
                   text_column("Type"),
                   text_column("Reason"),
                   text_column("Object"),
                   text_column("Subobject", 1),
                   text_column("Source", 1),
                   text_column("Message"),
                   text_column("First Seen", 1),
                   TableColumn{.name = "Count", .type = "string", .priority = 1},
                   TableColumn{.name = "Name", .type = "string", .format = "name", .priority = 1}};
  }
  if (kind == "Secret") return Columns{kName, text_column("Type"), {.name = "Data", .type = "string"}, kAge};
  if (kind == "ConfigMap") return Columns{kName, {.name = "Data", .type = "string"}, kAge};
  if (kind == "ServiceAccount") return Columns{kName, text_column("Secrets"), kAge};
  if (kind == "Namespace") return Columns{kName, text_column("Status"), kAge};
  if (kind == "Endpoints") return Columns{kName, text_column("Endpoints"), kAge};
  if (kind == "Lease") return Columns{kName, text_column("Holder"), kAge};
  if (kind == "CustomResourceDefinition") return Columns{kName, {.name = "Created At", .type = "date"}};
  return Columns{kName, kAge};
}

json::array builtin_cells(const Resource& resource, const json::value& object, base::WallTime now) {
  const std::string& kind = resource.kind;
  if (kind == "Pod") return pod_cells(object, now);
  if (kind == "Node") return node_cells(object, now);
  if (kind == "Event") return event_cells(object, now);
  if (kind == "Secret")
    return {name_of(object), text_at(object, {"type"}), members_at(object, "data"), age(object, now)};
  if (kind == "ConfigMap") {
    return {name_of(object), members_at(object, "data") + members_at(object, "binaryData"), age(object, now)};
  }
  if (kind == "ServiceAccount") return {name_of(object), list_at(object, {"secrets"}).size(), age(object, now)};
  if (kind == "Namespace") return {name_of(object), text_at(object, {"status", "phase"}), age(object, now)};
  if (kind == "Endpoints") return {name_of(object), endpoint_addresses(object), age(object, now)};
  if (kind == "Lease") return {name_of(object), text_at(object, {"spec", "holderIdentity"}), age(object, now)};
  if (kind == "CustomResourceDefinition") {
    return {name_of(object), text_at(object, {"metadata", "creationTimestamp"})};
  }
  return {name_of(object), age(object, now)};
}

}  // namespace podid::lab::apiserver
