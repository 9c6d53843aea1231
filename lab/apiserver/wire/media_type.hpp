// SPDX-License-Identifier: Apache-2.0
// Accept and Content-Type as the API uses them. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

struct MediaType {
  std::string type;                               // lower case, "application/json"
  std::map<std::string, std::string> parameters;  // without q

  std::string_view parameter(std::string_view name) const;
};

// The media types of an Accept header, preferred ones first; what cannot be read is left out.
std::vector<MediaType> parse_accept(std::string_view header);
MediaType parse_media_type(std::string_view text);

// The form in which objects are answered.
enum class Form { object, table, metadata };

// The first acceptable form; JSON where the header is empty; nothing when no JSON form is acceptable (406).
std::optional<Form> negotiate(std::string_view accept);

// Whether aggregated discovery (v2) is preferred to the plain form.
bool wants_aggregated_discovery(std::string_view accept);

}  // namespace podid::lab::apiserver
