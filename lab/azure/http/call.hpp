// SPDX-License-Identifier: Apache-2.0
// A request taken apart and an answer not yet sent: what the services work on, without sockets.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"

namespace podid::lab::azure {

struct Parameter {
  std::string name;
  std::string value;
};

struct Call {
  std::string method;
  std::string target;                 // as received
  std::vector<std::string> segments;  // of the path, decoded; empty ones dropped (IMDS accepts a doubled slash)
  std::vector<Parameter> query;
  net::Headers headers;
  std::string body;
  std::string peer;  // the caller's address

  // The first parameter of that name; an empty value counts as absent.
  std::optional<std::string> parameter(std::string_view name) const;
  bool repeats_a_parameter() const;
  // The Host field without its port, in lower case.
  std::string host() const;
  // "https://" and the Host field as it came: the base of URLs that send the caller back here.
  std::string origin() const;
  std::optional<std::string> bearer_token() const;
};

// Fills segments and query from the target; false when it is not well-formed.
bool parse_target(Call& call);
// application/x-www-form-urlencoded; nothing for a bad escape.
std::optional<std::vector<Parameter>> parse_form(std::string_view text);
std::optional<std::string> find_parameter(const std::vector<Parameter>& parameters, std::string_view name);

struct Reply {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::string body = {};
  net::Headers headers = {};
};
Reply json_reply(int status, const boost::json::value& body);

}  // namespace podid::lab::azure
