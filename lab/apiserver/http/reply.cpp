// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/reply.hpp"

namespace podid::lab::apiserver {

Reply json_reply(int status, const boost::json::value& body) {
  return {.status = status, .body = boost::json::serialize(body) + "\n"};
}

Reply refusal(const ApiStatus& status) { return json_reply(status.code, status.to_json()); }

Reply text_reply(int status, std::string_view text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(text)};
}

Reply page_not_found() { return text_reply(404, "404 page not found\n"); }

}  // namespace podid::lab::apiserver
