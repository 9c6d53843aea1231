// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/http/call.hpp"

#include <boost/json.hpp>
#include <set>

#include "base/text.hpp"

namespace podid::lab::azure {

std::optional<std::string> Call::parameter(std::string_view name) const { return find_parameter(query, name); }

bool Call::repeats_a_parameter() const {
  std::set<std::string_view> seen;
  return std::ranges::any_of(query, [&](const Parameter& parameter) { return !seen.insert(parameter.name).second; });
}

std::string Call::host() const {
  std::string_view authority = headers.get_or_empty("Host");
  if (authority.starts_with('[')) return base::to_lower(authority.substr(1, authority.find(']') - 1));
  return base::to_lower(authority.substr(0, authority.find(':')));
}

std::string Call::origin() const { return "https://" + std::string(headers.get_or_empty("Host")); }

std::optional<std::string> Call::bearer_token() const {
  const std::string_view value = headers.get_or_empty("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (!base::istarts_with(value, kScheme)) return std::nullopt;
  return std::string(base::trim(value.substr(kScheme.size())));
}

bool parse_target(Call& call) {
  const std::string_view target = call.target;
  const std::size_t question = target.find('?');
  for (const std::string_view part : base::split(target.substr(0, question), '/')) {
    auto decoded = base::percent_decode(part);
    if (!decoded) return false;
    if (!decoded->empty()) call.segments.push_back(std::move(*decoded));
  }
  if (question == std::string_view::npos) return true;
  auto query = parse_form(target.substr(question + 1));
  if (!query) return false;
  call.query = std::move(*query);
  return true;
}

std::optional<std::vector<Parameter>> parse_form(std::string_view text) {
  std::vector<Parameter> out;
  for (const std::string_view piece : base::split(text, '&')) {
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    auto name = base::form_decode(piece.substr(0, equals));
    auto value = base::form_decode(equals == std::string_view::npos ? "" : piece.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    out.push_back({.name = std::move(*name), .value = std::move(*value)});
  }
  return out;
}

std::optional<std::string> find_parameter(const std::vector<Parameter>& parameters, std::string_view name) {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  if (found == parameters.end() || found->value.empty()) return std::nullopt;
  return found->value;
}

Reply json_reply(int status, const boost::json::value& body) {
  return {.status = status, .content_type = "application/json; charset=utf-8", .body = boost::json::serialize(body)};
}

}  // namespace podid::lab::azure
