// SPDX-License-Identifier: Apache-2.0
#include "azure/json_fields.hpp"

#include <boost/json/parse.hpp>

namespace podid::azure {

base::Result<boost::json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error) return base::fail(base::ErrorKind::invalid, "not JSON: " + error.message());
  if (!value.is_object()) return base::fail(base::ErrorKind::invalid, "not a JSON object");
  return std::move(value.get_object());
}

}  // namespace podid::azure
