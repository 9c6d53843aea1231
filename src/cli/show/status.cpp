// SPDX-License-Identifier: Apache-2.0
#include "cli/show/status.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/time_text.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

// Of the binding that gives the identity; of a pod that gets none the first that is limited.
std::string access_of(const Explanation& e) {
  for (const ExplainedAccess& each : e.access) {
    if (!e.granted || each.binding == e.binding) return each.state;
  }
  return {};
}

std::string state_of(const Explanation& e) {
  if (e.serving != "served" && e.granted) return "PassedThrough";
  if (e.granted) return "Ready";
  const bool closed = std::ranges::any_of(e.access, [](const ExplainedAccess& each) { return !each.open; });
  if (closed && core::is_about_access(e.refusal)) return "Closed";
  return e.waiting_may_help ? "Waiting" : "Refused";
}

// The first of them, and how many there are besides.
std::string first_of(const std::vector<std::string>& all) {
  if (all.empty()) return {};
  return all.size() == 1 ? all.front() : all.front() + " +" + std::to_string(all.size() - 1);
}

StatusRow row_of(const ListedPod& listed, const Explanation& e) {
  StatusRow row{.pod = listed.pod.key(),
                .node = listed.pod.node_name,
                .workload = listed.workload,
                .identity = e.identity,
                .binding = e.binding,
                .state = state_of(e),
                .reason = e.granted && e.serving == "served" ? std::string()
                          : e.granted                        ? e.serving
                                                             : e.reason,
                .why = e.conclusion,
                .access = access_of(e)};
  if (row.identity.empty() && e.serving == "served") {
    std::vector<std::string> bindings;
    std::vector<std::string> identities;
    for (const ExplainedBinding& each : e.bindings) {
      bindings.push_back(each.binding);
      identities.push_back(each.identity);
    }
    row.binding = first_of(bindings);
    row.identity = first_of(identities);
  }
  return row;
}

std::set<core::ObjectKey> pods_with_assignments(const ClusterObjects& objects) {
  std::set<core::ObjectKey> pods;
  for (const core::AzureAssignedIdentity& each : objects.assigned) pods.insert({each.pod_namespace, each.pod});
  return pods;
}

}  // namespace

std::vector<StatusRow> status_rows(const ClusterObjects& objects,
                                   const std::map<std::string, base::WallTime>& issuances,
                                   const ExplainRequest& request, base::WallTime now) {
  const std::set<core::ObjectKey> assigned = pods_with_assignments(objects);
  std::vector<StatusRow> rows;
  for (const ListedPod& listed : objects.pods) {
    if (listed.pod.binding_label().empty() && !assigned.contains(listed.pod.key())) continue;
    const PodObjects own = objects_for(objects, listed.pod);
    StatusRow row = row_of(listed, explain(own, request, now));
    const auto issued = issuances.find(listed.pod.key().text());
    if (issued != issuances.end()) row.last_issued = issued->second;
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, &StatusRow::pod);
  return rows;
}

std::string to_table(std::span<const StatusRow> rows, StatusColumns columns, base::WallTime now) {
  std::vector<std::string> titles{"POD", "NODE", "IDENTITY", "BINDING", "STATE", "REASON", "ACCESS", "LAST TOKEN"};
  if (columns.namespaces) titles.insert(titles.begin(), "NAMESPACE");
  if (columns.wide) titles.insert(titles.end(), {"WORKLOAD", "WHY"});
  Table table(std::move(titles));
  for (const StatusRow& row : rows) {
    std::vector<std::string> cells{
        row.pod.name, row.node,   row.identity, row.binding,
        row.state,    row.reason, row.access,   row.last_issued ? relative_to(now, *row.last_issued) : ""};
    if (columns.namespaces) cells.insert(cells.begin(), row.pod.ns);
    if (columns.wide) cells.insert(cells.end(), {row.workload, row.why});
    table.add(std::move(cells));
  }
  return table.text();
}

json::object to_json(std::span<const StatusRow> rows, const std::vector<std::string>& findings) {
  json::array items;
  for (const StatusRow& row : rows) {
    items.push_back(
        {{"namespace", row.pod.ns},
         {"pod", row.pod.name},
         {"node", row.node},
         {"workload", row.workload},
         {"identity", row.identity},
         {"binding", row.binding},
         {"state", row.state},
         {"reason", row.reason},
         {"why", row.why},
         {"access", row.access},
         {"lastIssued", row.last_issued ? json::value(base::format_rfc3339(*row.last_issued)) : json::value()}});
  }
  return {{"schema", "podid.status/v1"},
          {"pods", std::move(items)},
          {"findings", json::array(findings.begin(), findings.end())}};
}

}  // namespace podid::cli
