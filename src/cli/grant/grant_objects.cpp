// SPDX-License-Identifier: Apache-2.0
#include "cli/grant/grant_objects.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "cli/common/output.hpp"
#include "kube/resource_type.hpp"

namespace podid::cli {
namespace {

std::string text_of(const json::value& object, base::JsonPath path) { return std::string(base::text_at(object, path)); }

base::Result<std::string> start_of(const std::string& text, base::WallTime now) {
  if (text.starts_with('+')) {
    const auto later = base::parse_go_duration(std::string_view(text).substr(1));
    if (later && *later >= base::Duration::zero()) return base::format_rfc3339(now + *later);
  } else if (base::parse_rfc3339(text)) {
    return text;
  }
  return base::fail(base::ErrorKind::invalid,
                    fmt::format("--not-before {}: use a time as 2026-12-31T23:59:59Z, or +2h", text));
}

std::string pods_of(const json::value& grant, const std::optional<json::value>& binding) {
  std::string pods;
  const json::value* labels = base::find_path(grant, {"spec", "podSelector", "matchLabels"});
  if (labels != nullptr && labels->is_object()) {
    for (const auto& [label, value] : labels->get_object()) {
      pods += fmt::format("{}{}={}", pods.empty() ? "" : ",", std::string_view(label),
                          value.is_string() ? std::string_view(value.get_string()) : std::string_view("?"));
    }
  }
  const std::string selector = binding ? text_of(*binding, {"spec", "selector"}) : std::string();
  if (selector.empty()) return pods.empty() ? "all that the binding selects" : "with " + pods;
  return fmt::format("with aadpodidbinding={}{}{}", selector, pods.empty() ? "" : " and ", pods);
}

}  // namespace

base::Result<json::object> grant_object(const GrantRequest& request, base::WallTime now) {
  const auto duration = base::parse_go_duration(request.duration);
  if (!duration || *duration < std::chrono::minutes(1) || *duration > std::chrono::hours(168)) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--duration {}: use 1m to 168h, as 1h or 1h30m", request.duration));
  }
  json::object spec{{"binding", request.binding},
                    {"duration", request.duration},
                    {"reason", request.reason},
                    {"requestedBy", request.requested_by}};
  if (!request.not_before.empty()) {
    auto start = start_of(request.not_before, now);
    if (!start) return std::unexpected(start.error());
    spec["notBefore"] = std::move(*start);
  }
  json::object labels;
  for (const std::string& label : request.pod_labels) {
    const auto separator = label.find('=');
    if (separator == 0 || separator == std::string::npos) {
      return base::fail(base::ErrorKind::invalid, fmt::format("--for {}: use label=value", label));
    }
    labels[label.substr(0, separator)] = label.substr(separator + 1);
  }
  if (!labels.empty()) spec["podSelector"] = json::object{{"matchLabels", std::move(labels)}};
  json::object metadata{{"namespace", request.ns}};
  if (request.name.empty()) {
    metadata["generateName"] = request.binding + "-";
  } else {
    metadata["name"] = request.name;
  }
  return json::object{{"apiVersion", kube::kAzureIdentityGrants.api_version()},
                      {"kind", kube::kAzureIdentityGrants.kind},
                      {"metadata", std::move(metadata)},
                      {"spec", std::move(spec)}};
}

json::object approval_object(const json::value& grant, const std::string& approved_by, const std::string& comment) {
  const std::string name = text_of(grant, {"metadata", "name"});
  const std::string uid = text_of(grant, {"metadata", "uid"});
  json::object spec{{"grant", name},
                    {"grantUID", uid},
                    {"binding", text_of(grant, {"spec", "binding"})},
                    {"requestedBy", text_of(grant, {"spec", "requestedBy"})},
                    {"approvedBy", approved_by}};
  if (!comment.empty()) spec["comment"] = comment;
  const json::object owner{{"apiVersion", kube::kAzureIdentityGrants.api_version()},
                           {"kind", kube::kAzureIdentityGrants.kind},
                           {"name", name},
                           {"uid", uid}};
  return {{"apiVersion", kube::kAzureIdentityGrantApprovals.api_version()},
          {"kind", kube::kAzureIdentityGrantApprovals.kind},
          {"metadata",
           {{"generateName", name + "-"},
            {"namespace", text_of(grant, {"metadata", "namespace"})},
            {"ownerReferences", json::array{owner}}}},
          {"spec", std::move(spec)}};
}

json::value revocation_patch(const json::value& grant, const std::string& by, const std::string& reason) {
  json::object revocation{{"by", by}};
  if (!reason.empty()) revocation["reason"] = reason;
  return {{"metadata", {{"uid", text_of(grant, {"metadata", "uid"})}}}, {"spec", {{"revocation", revocation}}}};
}

std::string describe_grant(const json::value& grant, const std::optional<json::value>& binding, base::WallTime now) {
  const auto line = [](std::string_view title, std::string_view text) {
    return fmt::format("  {:<10} {}\n", title, printable(text));
  };
  std::string text =
      fmt::format("grant {}/{}\n", text_of(grant, {"metadata", "namespace"}), text_of(grant, {"metadata", "name"}));
  const auto asked = base::parse_rfc3339(base::text_at(grant, {"metadata", "creationTimestamp"}));
  text += line("asked by",
               text_of(grant, {"spec", "requestedBy"}) + (asked ? ", " + relative_to(now, *asked) : std::string()));
  text +=
      line("binding", text_of(grant, {"spec", "binding"}) +
                          (binding ? fmt::format(" (AzureIdentity {})", text_of(*binding, {"spec", "azureIdentity"}))
                                   : std::string(" (it could not be read)")));
  text += line("pods", pods_of(grant, binding));
  const auto start = base::parse_rfc3339(base::text_at(grant, {"spec", "notBefore"}));
  text += line("for", text_of(grant, {"spec", "duration"}) + (start ? ", not before " + base::format_rfc3339(*start)
                                                                    : std::string(" from the last approval on")));
  text += line("reason", text_of(grant, {"spec", "reason"}));
  return text + line("UID", text_of(grant, {"metadata", "uid"}));
}

}  // namespace podid::cli
