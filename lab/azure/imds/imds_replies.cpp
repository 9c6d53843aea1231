// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/imds/imds_replies.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 35> kVersions{
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
    "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
    "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
    "2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01",
    "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07"};
constexpr std::array<std::string_view, 7> kEventsVersions{"2017-03-01", "2017-08-01", "2017-11-01", "2019-01-01",
                                                          "2019-04-01", "2019-08-01", "2020-07-01"};

}  // namespace

Reply imds_token_error(int status, std::string_view error, std::string_view description) {
  return json_reply(status, json::object{{"error", error}, {"error_description", description}});
}

Reply imds_error(int status, std::string_view error) { return json_reply(status, json::object{{"error", error}}); }

Reply imds_version_error() {
  return json_reply(400, json::object{{"error",
                                       "Bad request. api-version is invalid or was not specified in the request. "
                                       "For more information refer to aka.ms/azureimds"},
                                      {"newest-versions", {"2025-04-07", "2024-07-17", "2024-03-15"}}});
}

bool imds_supports_version(std::string_view api_version) {
  return std::ranges::find(kVersions, api_version) != kVersions.end();
}

bool imds_supports_events_version(std::string_view api_version) {
  return std::ranges::find(kEventsVersions, api_version) != kEventsVersions.end();
}

Reply imds_versions() {
  json::array versions;
  for (const std::string_view version : kVersions) versions.emplace_back(version);
  return json_reply(200, json::object{{"apiVersions", std::move(versions)}});
}

}  // namespace podid::lab::azure
