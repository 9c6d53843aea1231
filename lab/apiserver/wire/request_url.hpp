// SPDX-License-Identifier: Apache-2.0
// The target of a request, taken apart. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace podid::lab::apiserver {

struct RequestUrl {
  std::vector<std::string> segments;  // of the path, decoded; "/api/v1/" gives {"api", "v1"}
  std::string path;                   // as sent, without the query
  std::vector<std::pair<std::string, std::string>> parameters;

  // Nothing for a bad escape.
  static std::optional<RequestUrl> parse(std::string_view target);

  // The first parameter of that name.
  std::optional<std::string_view> parameter(std::string_view name) const;
  std::string_view parameter_or_empty(std::string_view name) const { return parameter(name).value_or(""); }
  // As the real server reads booleans: present, and neither "false" nor "0".
  bool flag(std::string_view name) const;
};

// What a path under /api or /apis names.
struct ResourcePath {
  std::string group;
  std::string version;
  std::string ns;
  std::string plural;
  std::string name;
  std::string subresource;
};
// Nothing for a path that has another shape ("/api", "/apis/apps", "/version", too many segments).
std::optional<ResourcePath> parse_resource_path(const RequestUrl& url);

}  // namespace podid::lab::apiserver
