// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>

namespace podid::kube {

base::Result<json::value> parse_json(std::string_view text, std::string_view what) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) {
    return base::fail(base::ErrorKind::invalid, fmt::format("{} is not JSON: {}", what, error.message()));
  }
  return value;
}

}  // namespace podid::kube
