// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/field_selector.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

// Splits at commas that are not escaped.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ',') {
      out.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  out.push_back(text.substr(begin));
  return out;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (i + 1 == text.size() || std::string_view("\\,=").find(text[i + 1]) == std::string_view::npos)
        return std::nullopt;
      ++i;
    } else if (text[i] == '=') {
      return std::nullopt;
    }
    out += text[i];
  }
  return out;
}

// The field as text, as the real server's field sets hold it.
std::string field_text(const json::value& object, const FieldRequirement& requirement) {
  const json::value* at = &object;
  for (const std::string_view step : base::split(requirement.field, '.')) {
    const json::object* parent = at->if_object();
    at = parent == nullptr ? nullptr : parent->if_contains(step);
    if (at == nullptr) break;
  }
  if (requirement.field == "source" || requirement.field == "reportingComponent") {
    // Of events: the component that reports, whichever of the two ways it is written.
    const std::string_view reporting = text_at(object, {"reportingComponent"});
    const std::string_view component = text_at(object, {"source", "component"});
    const bool source_first = requirement.field == "source";
    return std::string(source_first ? (component.empty() ? reporting : component) : reporting);
  }
  const bool boolean = requirement.field == "spec.unschedulable" || requirement.field == "spec.hostNetwork";
  if (at == nullptr || at->is_null()) return boolean ? "false" : "";
  if (at->is_string()) return std::string(at->get_string());
  return json::serialize(*at);
}

}  // namespace

std::expected<FieldSelector, std::string> FieldSelector::parse(std::string_view text) {
  FieldSelector out;
  if (text.empty()) return out;
  for (const std::string_view term : split_terms(text)) {
    if (term.empty()) continue;
    FieldRequirement requirement;
    const std::size_t at = term.find('=');
    const auto refuse = [&] {
      return std::unexpected(fmt::format("invalid selector: '{}'; can't understand '{}'", text, term));
    };
    if (at == std::string_view::npos || at == 0) return refuse();
    requirement.equal = term[at - 1] != '!';
    requirement.field = std::string(term.substr(0, requirement.equal ? at : at - 1));
    std::string_view value = term.substr(at + 1);
    if (requirement.equal && value.starts_with('=')) value.remove_prefix(1);
    const auto plain = unescape(value);
    if (!plain) return refuse();
    requirement.value = *plain;
    out.requirements_.push_back(std::move(requirement));
  }
  return out;
}

bool FieldSelector::matches(const json::value& object) const {
  for (const FieldRequirement& requirement : requirements_) {
    if ((field_text(object, requirement) == requirement.value) != requirement.equal) return false;
  }
  return true;
}

}  // namespace podid::lab::apiserver
