// SPDX-License-Identifier: Apache-2.0
#include "cli/usage/usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/time_text.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

// The commonest first; what clients wrote may be made to act on a terminal.
std::string resources_text(const std::map<std::string, std::uint64_t>& resources) {
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  for (const auto& [resource, count] : resources) sorted.emplace_back(count, audit::escaped_text(resource));
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  });
  std::string text;
  for (const auto& [count, resource] : sorted)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", resource, count);
  return text;
}

}  // namespace

void UsageCount::add(const audit::Record& record) {
  if (record.kind != audit::Kind::token || record.binding.empty()) return;
  BindingUsage& usage = by_binding_[record.binding];
  usage.binding = record.binding;
  usage.identity = record.identity;
  if (record.outcome == audit::Outcome::denied) usage.denied += record.count;
  if (record.outcome != audit::Outcome::issued) return;
  usage.issued += record.count;
  usage.pods.insert(record.ns + "/" + record.pod);
  usage.resources[record.resource] += record.count;
  const base::WallTime at = std::max(record.time, record.last);
  usage.last = std::max(usage.last.value_or(at), at);
}

std::vector<BindingUsage> UsageCount::of(std::span<const core::AzureIdentityBinding> bindings) const {
  std::map<std::string, BindingUsage> all = by_binding_;
  for (auto& [name, usage] : all) usage.exists = false;
  for (const core::AzureIdentityBinding& binding : bindings) {
    BindingUsage& usage = all[binding.meta.key().text()];
    usage.binding = binding.meta.key().text();
    usage.identity = binding.meta.ns + "/" + binding.azure_identity;
    usage.exists = true;
  }
  std::vector<BindingUsage> sorted;
  for (auto& [name, usage] : all) sorted.push_back(std::move(usage));
  std::ranges::sort(sorted, {}, [](const BindingUsage& each) { return std::pair(each.issued > 0, each.binding); });
  return sorted;
}

std::string to_table(std::span<const BindingUsage> usage, UsageColumns columns, base::WallTime now) {
  std::vector<std::string> titles{"BINDING", "IDENTITY", "ISSUED", "DENIED", "PODS", "LAST", "NOTE"};
  if (columns.wide) titles.emplace_back("RESOURCES");
  Table table(std::move(titles));
  for (const BindingUsage& each : usage) {
    std::vector<std::string> cells{each.binding,
                                   each.identity,
                                   std::to_string(each.issued),
                                   std::to_string(each.denied),
                                   std::to_string(each.pods.size()),
                                   each.last ? relative_to(now, *each.last) : std::string(),
                                   !each.exists       ? "is there no more"
                                   : each.issued == 0 ? "never used in this log"
                                                      : ""};
    if (columns.wide) cells.push_back(resources_text(each.resources));
    table.add(std::move(cells));
  }
  return table.text();
}

json::object to_json(std::span<const BindingUsage> usage) {
  json::array items;
  for (const BindingUsage& each : usage) {
    json::object resources;
    for (const auto& [resource, count] : each.resources) resources[resource] = count;
    items.push_back({{"binding", each.binding},
                     {"identity", each.identity},
                     {"exists", each.exists},
                     {"issued", each.issued},
                     {"denied", each.denied},
                     {"pods", json::array(each.pods.begin(), each.pods.end())},
                     {"resources", std::move(resources)},
                     {"last", each.last ? json::value(base::format_rfc3339(*each.last)) : json::value()}});
  }
  return {{"schema", "podid.usage/v1"}, {"bindings", std::move(items)}};
}

}  // namespace podid::cli
