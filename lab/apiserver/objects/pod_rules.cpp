// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/objects/pod_rules.hpp"

#include <fmt/format.h>

#include <set>
#include <string>

#include "base/text.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

void set_default(json::object& object, std::string_view name, json::value value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

// "Always" for :latest and for an image without tag and digest.
std::string_view pull_policy_of(std::string_view image) {
  const std::size_t slash = image.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? image : image.substr(slash + 1);
  if (last.find('@') != std::string_view::npos) return "IfNotPresent";
  const std::size_t colon = last.rfind(':');
  return colon == std::string_view::npos || last.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

void set_container_defaults(json::object& container) {
  set_default(container, "resources", json::object{});
  set_default(container, "terminationMessagePath", "/dev/termination-log");
  set_default(container, "terminationMessagePolicy", "File");
  set_default(container, "imagePullPolicy", json::value(pull_policy_of(text_at(container, {"image"}))));
  json::value* ports = container.if_contains("ports");
  if (ports == nullptr || !ports->is_array()) return;
  for (json::value& port : ports->get_array()) {
    if (port.is_object()) set_default(port.get_object(), "protocol", "TCP");
  }
}

template <class Visit>
void each_container(json::value& spec, Visit visit) {
  for (const std::string_view list_name : {"initContainers", "containers"}) {
    json::value* list = find_path(spec, {list_name});
    if (list == nullptr || !list->is_array()) continue;
    for (json::value& container : list->get_array()) {
      if (container.is_object()) visit(container.get_object());
    }
  }
}

// Quality of service, from requests and limits (cpu and memory).
std::string_view qos_class_of(const json::object& pod) {
  bool any = false;
  bool all_equal = true;
  json::value spec = pod.contains("spec") ? pod.at("spec") : json::value();
  each_container(spec, [&](const json::object& container) {
    for (const std::string_view unit : {"cpu", "memory"}) {
      const json::value* limit = find_path(container, {"resources", "limits", unit});
      const json::value* request = find_path(container, {"resources", "requests", unit});
      any = any || limit != nullptr || request != nullptr;
      if (limit == nullptr || (request != nullptr && *request != *limit)) all_equal = false;
    }
  });
  if (!any) return "BestEffort";
  return all_equal ? "Guaranteed" : "Burstable";
}

void validate_containers(const json::value& pod, std::string_view list_name, std::vector<StatusCause>& causes) {
  const json::value* list = find_path(pod, {"spec", list_name});
  if (list == nullptr || !list->is_array()) return;
  std::set<std::string> names;
  std::size_t index = 0;
  for (const json::value& container : list->get_array()) {
    const std::string at = fmt::format("spec.{}[{}]", list_name, index++);
    const std::string name(text_at(container, {"name"}));
    if (name.empty()) {
      causes.push_back(required_value(at + ".name"));
    } else if (const auto problem = dns_label_problem(name)) {
      causes.push_back(invalid_value(at + ".name", base::go_quote(name), *problem));
    } else if (!names.insert(name).second) {
      causes.push_back(duplicate_value(at + ".name", base::go_quote(name)));
    }
    if (text_at(container, {"image"}).empty()) causes.push_back(required_value(at + ".image"));
  }
}

// The spec without what an update may change.
json::value frozen_spec(const json::value& pod) {
  const json::value* found = find_path(pod, {"spec"});
  json::value spec = found == nullptr ? json::value(json::object{}) : *found;
  each_container(spec, [](json::object& container) { erase_member(container, "image"); });
  if (json::object* object = spec.if_object()) {
    for (const std::string_view name : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}) {
      erase_member(*object, name);
    }
  }
  return spec;
}

}  // namespace

void prepare_pod(json::object& pod) {
  pod["status"] = json::object{{"phase", "Pending"}, {"qosClass", qos_class_of(pod)}};
}

void set_condition_times(json::object& status, std::string_view probe_name) {
  json::value* conditions = status.if_contains("conditions");
  if (conditions == nullptr || !conditions->is_array()) return;
  for (json::value& condition : conditions->get_array()) {
    if (!condition.is_object()) continue;
    set_default(condition.get_object(), probe_name, nullptr);
    set_default(condition.get_object(), "lastTransitionTime", nullptr);
  }
}

void set_pod_defaults(json::object& pod) {
  if (json::value* status = pod.if_contains("status"); status != nullptr && status->is_object()) {
    set_condition_times(status->get_object(), "lastProbeTime");
  }
  json::value* found = pod.if_contains("spec");
  if (found == nullptr || !found->is_object()) return;
  json::object& spec = found->get_object();
  set_default(spec, "restartPolicy", "Always");
  set_default(spec, "terminationGracePeriodSeconds", 30);
  set_default(spec, "dnsPolicy", "ClusterFirst");
  set_default(spec, "securityContext", json::object{});
  set_default(spec, "schedulerName", "default-scheduler");
  set_default(spec, "enableServiceLinks", true);
  if (const std::string account(text_at(*found, {"serviceAccountName"})); !account.empty()) {
    spec["serviceAccount"] = account;
  }
  each_container(*found, set_container_defaults);
}

void validate_pod(const json::value& pod, std::vector<StatusCause>& causes) {
  const json::value* containers = find_path(pod, {"spec", "containers"});
  if (containers == nullptr || !containers->is_array() || containers->get_array().empty()) {
    causes.push_back(required_value("spec.containers"));
  }
  validate_containers(pod, "initContainers", causes);
  validate_containers(pod, "containers", causes);
  const std::string_view policy = text_at(pod, {"spec", "restartPolicy"});
  if (!policy.empty() && policy != "Always" && policy != "OnFailure" && policy != "Never") {
    causes.push_back(
        unsupported_value("spec.restartPolicy", base::go_quote(policy), {"\"Always\"", "\"OnFailure\"", "\"Never\""}));
  }
  const std::string_view node = text_at(pod, {"spec", "nodeName"});
  if (node.empty()) return;
  if (const auto problem = dns_subdomain_problem(node)) {
    causes.push_back(invalid_value("spec.nodeName", base::go_quote(node), *problem));
  }
}

void validate_pod_update(const json::value& before, const json::value& after, std::vector<StatusCause>& causes) {
  if (same_json(frozen_spec(before), frozen_spec(after))) return;
  causes.push_back(forbidden_value(
      "spec",
      "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
      "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
      "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"));
}

}  // namespace podid::lab::apiserver
