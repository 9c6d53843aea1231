// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "cli/show/explain.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostSelectors = 10;  // named in a head; the rest is counted

// One line of the head; a repeated title is left out.
std::string head_line(std::string_view title, std::string_view text) { return fmt::format("{:<12} {}\n", title, text); }

std::string binding_lines(const Explanation& e) {
  std::string lines;
  for (const ExplainedBinding& each : e.bindings) {
    lines +=
        head_line(lines.empty() ? "bindings" : "", fmt::format("{} (azureidentity {})", each.binding, each.identity));
  }
  if (!lines.empty()) return lines;
  if (e.other_selectors.empty()) return head_line("bindings", "none exists");
  const std::size_t shown = std::min(e.other_selectors.size(), kMostSelectors);
  std::string text = fmt::format("none selects it; selectors of others: {}",
                                 fmt::join(e.other_selectors.begin(), e.other_selectors.begin() + shown, ", "));
  if (shown < e.other_selectors.size()) text += fmt::format(" and {} more", e.other_selectors.size() - shown);
  return head_line("bindings", text);
}

std::string assignment_lines(const Explanation& e) {
  if (e.mode == "managed") return {};  // there are none
  std::string lines;
  for (const ExplainedAssignment& each : e.assignments) {
    lines += head_line(lines.empty() ? "assignments" : "",
                       fmt::format("{} (azureidentity {} on {}: {})", each.assigned, each.identity, each.node,
                                   each.state.empty() ? "no state" : each.state));
  }
  return lines.empty() ? head_line("assignments", "none") : lines;
}

json::array strings(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

}  // namespace

std::string to_text(const Explanation& e) {
  std::string text = head_line("pod", fmt::format("{} ({} on {}{}{})", e.pod, e.phase.empty() ? "no phase" : e.phase,
                                                  e.node.empty() ? "no node" : e.node, e.addresses.empty() ? "" : ", ",
                                                  fmt::join(e.addresses, ", ")));
  text += head_line("asked for", fmt::format("{}, in {} mode", e.asked, e.mode));
  text += binding_lines(e);
  for (const ExplainedAccess& each : e.access) text += head_line("access", each.text);
  text += assignment_lines(e);
  for (const std::string& object : e.unreadable) text += head_line("unreadable", object);
  text += fmt::format("\n{:<8} {:<19} {}\n", "RESULT", "CHECK", "FINDING");
  for (const core::Check& check : e.checks) {
    text += fmt::format("{:<8} {:<19} {}: {}\n", core::to_string(check.outcome), core::to_string(check.id),
                        check.object, check.text);
    if (!check.remedy.empty()) text += fmt::format("{:<8} {:<19} remedy: {}\n", "", "", check.remedy);
  }
  text += e.granted ? fmt::format("\ngranted: {}\n", e.conclusion)
                    : fmt::format("\nrefused ({}): {}\n", e.reason, e.conclusion);
  if (!e.granted) {
    text += e.waiting_may_help ? "Waiting may help; if it does not, see the remedies above.\n"
                               : "Waiting does not help; see the remedies above.\n";
  }
  return text;
}

json::object to_json(const Explanation& e) {
  json::array bindings;
  for (const ExplainedBinding& each : e.bindings) {
    bindings.push_back({{"binding", each.binding}, {"identity", each.identity}});
  }
  json::array assignments;
  for (const ExplainedAssignment& each : e.assignments) {
    assignments.push_back(
        {{"name", each.assigned}, {"identity", each.identity}, {"node", each.node}, {"state", each.state}});
  }
  json::array checks;
  for (const core::Check& check : e.checks) {
    checks.push_back({{"check", core::to_string(check.id)},
                      {"object", check.object},
                      {"result", core::to_string(check.outcome)},
                      {"text", check.text},
                      {"remedy", check.remedy}});
  }
  json::array access;
  for (const ExplainedAccess& each : e.access) {
    access.push_back({{"binding", each.binding}, {"open", each.open}, {"state", each.state}, {"text", each.text}});
  }
  return {
      {"schema", "podid.explain/v1"},
      {"pod", {{"name", e.pod}, {"node", e.node}, {"phase", e.phase}, {"addresses", strings(e.addresses)}}},
      {"mode", e.mode},
      {"asked", e.asked},
      {"bindings", std::move(bindings)},
      {"access", std::move(access)},
      {"otherSelectors", strings(e.other_selectors)},
      {"assignments", std::move(assignments)},
      {"unreadable", strings(e.unreadable)},
      {"checks", std::move(checks)},
      {"decision",
       {{"serving", e.serving},
        {"granted", e.granted},
        {"reason", e.reason},
        {"text", e.conclusion},
        {"waitingMayHelp", e.waiting_may_help},
        {"identity", e.identity},
        {"binding", e.binding},
        {"assigned", e.assigned}}},
  };
}

}  // namespace podid::cli
