// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/media_type.hpp"

#include <functional>

#include "base/text.hpp"

namespace podid::lab::apiserver {
namespace {

bool is_json(const MediaType& type) {
  return type.type == "application/json" || type.type == "*/*" || type.type == "application/*";
}

}  // namespace

std::string_view MediaType::parameter(std::string_view name) const {
  const auto found = parameters.find(std::string(name));
  return found == parameters.end() ? std::string_view{} : std::string_view(found->second);
}

MediaType parse_media_type(std::string_view text) {
  MediaType out;
  bool first = true;
  for (const std::string_view part : base::split(text, ';')) {
    const std::string_view item = base::trim(part);
    if (first) {
      out.type = base::to_lower(item);
      first = false;
      continue;
    }
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    out.parameters[base::to_lower(item.substr(0, equals))] = std::string(item.substr(equals + 1));
  }
  return out;
}

std::vector<MediaType> parse_accept(std::string_view header) {
  std::multimap<double, MediaType, std::greater<>> weighted;  // equal weights in the order given
  for (const std::string_view part : base::split(header, ',')) {
    if (base::trim(part).empty()) continue;
    MediaType type = parse_media_type(part);
    const double weight =
        type.parameters.contains("q") ? base::parse_number<double>(type.parameter("q")).value_or(0.0) : 1.0;
    type.parameters.erase("q");
    if (weight > 0) weighted.emplace(weight, std::move(type));
  }
  std::vector<MediaType> out;
  for (auto& [weight, type] : weighted) out.push_back(std::move(type));
  return out;
}

std::optional<Form> negotiate(std::string_view accept) {
  if (base::trim(accept).empty()) return Form::object;
  for (const MediaType& type : parse_accept(accept)) {
    if (!is_json(type)) continue;
    const std::string_view as = type.parameter("as");
    if (as.empty()) return Form::object;
    if (type.parameter("g") != "meta.k8s.io" || type.parameter("v") != "v1") continue;
    if (as == "Table") return Form::table;
    if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") return Form::metadata;
  }
  return std::nullopt;
}

bool wants_aggregated_discovery(std::string_view accept) {
  for (const MediaType& type : parse_accept(accept)) {
    if (!is_json(type)) continue;
    if (type.parameter("as").empty()) return false;
    if (type.parameter("as") == "APIGroupDiscoveryList" && type.parameter("g") == "apidiscovery.k8s.io" &&
        type.parameter("v") == "v2") {
      return true;
    }
  }
  return false;
}

}  // namespace podid::lab::apiserver
