// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/request_url.hpp"

#include "base/text.hpp"

namespace podid::lab::apiserver {

std::optional<RequestUrl> RequestUrl::parse(std::string_view target) {
  RequestUrl out;
  const std::size_t question = target.find('?');
  out.path = std::string(target.substr(0, question));
  for (const std::string_view segment : base::split(out.path, '/')) {
    if (segment.empty()) continue;
    auto plain = base::percent_decode(segment);
    if (!plain) return std::nullopt;
    out.segments.push_back(std::move(*plain));
  }
  if (question == std::string_view::npos) return out;
  for (const std::string_view pair : base::split(target.substr(question + 1), '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = base::form_decode(pair.substr(0, equals));
    auto value = base::form_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    out.parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string_view> RequestUrl::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool RequestUrl::flag(std::string_view name) const {
  const auto value = parameter(name);
  return value && !base::iequals(*value, "false") && *value != "0";
}

std::optional<ResourcePath> parse_resource_path(const RequestUrl& url) {
  const auto& all = url.segments;
  ResourcePath out;
  std::size_t at = 0;
  if (all.size() >= 3 && all[0] == "api") {
    out.version = all[1];
    at = 2;
  } else if (all.size() >= 4 && all[0] == "apis") {
    out.group = all[1];
    out.version = all[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  // "namespaces/x" is the namespace itself, "namespaces/x/status" its subresource, "namespaces/x/pods" a
  // resource in it.
  const bool subresource_of_namespace =
      all.size() == at + 3 && out.group.empty() && (all[at + 2] == "status" || all[at + 2] == "finalize");
  if (all[at] == "namespaces" && all.size() >= at + 3 && !subresource_of_namespace) {
    out.ns = all[at + 1];
    at += 2;
  }
  if (all.size() > at + 3) return std::nullopt;
  out.plural = all[at];
  if (all.size() > at + 1) out.name = all[at + 1];
  if (all.size() > at + 2) out.subresource = all[at + 2];
  return out;
}

}  // namespace podid::lab::apiserver
