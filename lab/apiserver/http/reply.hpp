// SPDX-License-Identifier: Apache-2.0
// A request and its answer as values, between HTTP and the API.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/http/authentication.hpp"
#include "lab/apiserver/wire/api_status.hpp"
#include "lab/apiserver/wire/request_url.hpp"

namespace podid::lab::apiserver {

struct Call {
  std::string method;  // HEAD is GET
  RequestUrl url;
  User user;
  std::string accept;
  std::string content_type;  // of the body
  std::string host;          // "127.0.0.1:40123": where the client reached the server
  std::string body;
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::string> warnings = {};  // texts of Warning headers
};

Reply json_reply(int status, const boost::json::value& body);
Reply refusal(const ApiStatus& status);
Reply text_reply(int status, std::string_view text);
// What the real server says of a path that no API has.
Reply page_not_found();

}  // namespace podid::lab::apiserver
