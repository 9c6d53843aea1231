// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/list_options.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

ApiStatus bad_number(std::string_view text) {
  return bad_request(fmt::format("strconv.ParseInt: parsing {}: invalid syntax", base::go_quote(text)));
}

Answer<> check_fields(const FieldSelector& selector, const Resource& resource) {
  for (const FieldRequirement& requirement : selector.requirements()) {
    const std::string& field = requirement.field;
    if (field == "metadata.name" || field == "metadata.namespace") continue;
    if (std::ranges::find(resource.selectable_fields, field) != resource.selectable_fields.end()) continue;
    if (resource.selectable_fields.empty() && !resource.custom) {
      return std::unexpected(bad_request(fmt::format(
          "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", base::go_quote(field))));
    }
    return std::unexpected(bad_request(fmt::format("field label not supported: {}", field)));
  }
  return {};
}

// The rules of k8s.io/apimachinery's ValidateListOptions.
Answer<> check_combination(const ListOptions& options) {
  std::vector<StatusCause> causes;
  const bool matches = options.match != ListOptions::Match::unset;
  if (options.watch) {
    if (options.send_initial_events && options.match != ListOptions::Match::not_older_than) {
      causes.push_back(forbidden_value("resourceVersionMatch",
                                       "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if (!options.send_initial_events && matches) {
      causes.push_back(forbidden_value(
          "resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    }
  } else {
    if (options.send_initial_events) {
      causes.push_back(forbidden_value("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    if (matches && !options.resource_version) {
      causes.push_back(forbidden_value("resourceVersionMatch",
                                       "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if (matches && !options.continue_token.empty()) {
      causes.push_back(
          forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    }
    if (options.match == ListOptions::Match::exact && options.resource_version == 0U) {
      causes.push_back(forbidden_value("resourceVersionMatch",
                                       "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
    }
  }
  if (causes.empty()) return {};
  const Subject subject{.group = "meta.k8s.io", .plural = "listoptions", .kind = "ListOptions"};
  return std::unexpected(invalid(subject, "", std::move(causes)));
}

}  // namespace

Answer<ListOptions> ListOptions::parse(const RequestUrl& url, const Resource& resource) {
  ListOptions out;
  auto labels = LabelSelector::parse(url.parameter_or_empty("labelSelector"));
  if (!labels) return std::unexpected(bad_request(std::move(labels.error())));
  out.labels = std::move(*labels);
  auto fields = FieldSelector::parse(url.parameter_or_empty("fieldSelector"));
  if (!fields) return std::unexpected(bad_request(std::move(fields.error())));
  out.fields = std::move(*fields);
  auto selectable = check_fields(out.fields, resource);
  if (!selectable) return std::unexpected(std::move(selectable.error()));

  if (const std::string_view limit = url.parameter_or_empty("limit"); !limit.empty()) {
    const auto number = base::parse_number<std::int64_t>(limit);
    if (!number) return std::unexpected(bad_number(limit));
    out.limit = *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
  }
  if (const std::string_view timeout = url.parameter_or_empty("timeoutSeconds"); !timeout.empty()) {
    const auto number = base::parse_number<std::int64_t>(timeout);
    if (!number) return std::unexpected(bad_number(timeout));
    if (*number > 0) out.timeout = std::chrono::seconds(*number);
  }
  if (const std::string_view revision = url.parameter_or_empty("resourceVersion"); !revision.empty()) {
    out.resource_version = base::parse_number<std::uint64_t>(revision);
    if (!out.resource_version) {
      return std::unexpected(bad_request(
          fmt::format("invalid resource version: resourceVersion: Invalid value: {0}: strconv.ParseUint: parsing {0}: "
                      "invalid syntax",
                      base::go_quote(revision))));
    }
  }
  const std::string_view match = url.parameter_or_empty("resourceVersionMatch");
  if (match == "Exact") {
    out.match = Match::exact;
  } else if (match == "NotOlderThan") {
    out.match = Match::not_older_than;
  } else if (!match.empty()) {
    const Subject subject{.group = "meta.k8s.io", .plural = "listoptions", .kind = "ListOptions"};
    return std::unexpected(invalid(
        subject, "",
        {unsupported_value("resourceVersionMatch", base::go_quote(match), {"\"Exact\"", "\"NotOlderThan\"", "\"\""})}));
  }
  out.continue_token = std::string(url.parameter_or_empty("continue"));
  out.watch = url.flag("watch");
  out.allow_bookmarks = url.flag("allowWatchBookmarks");
  if (url.parameter("sendInitialEvents")) out.send_initial_events = url.flag("sendInitialEvents");
  auto combined = check_combination(out);
  if (!combined) return std::unexpected(std::move(combined.error()));
  return out;
}

std::string ContinueToken::encode() const {
  return base::base64url(json::serialize(json::object{{"v", "meta.k8s.io/v1"}, {"rv", revision}, {"start", after}}));
}

std::optional<ContinueToken> ContinueToken::decode(std::string_view text) {
  const auto plain = base::base64url_decode(text);
  if (!plain) return std::nullopt;
  std::string problem;
  const auto value = parse_json(*plain, problem);
  if (!value || text_at(*value, {"v"}) != "meta.k8s.io/v1") return std::nullopt;
  const json::value* revision = find_path(*value, {"rv"});
  const auto number = revision == nullptr ? std::nullopt : as_integer(*revision);
  if (!number || text_at(*value, {"start"}).empty()) return std::nullopt;
  return ContinueToken{.revision = *number, .after = std::string(text_at(*value, {"start"}))};
}

}  // namespace podid::lab::apiserver
