// SPDX-License-Identifier: Apache-2.0
// Any bytes as the answer of a token endpoint: a token or an error with its status, and an error text of bounded size.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "azure/access_token.hpp"
#include "base/time_text.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const base::WallTime now = base::from_unix_seconds(1'800'000'000);
  for (const int status : {200, 400}) {
    net::Response response;
    response.status = status;
    response.body = text;
    const auto token = azure::read_token_response(response, "http://169.254.169.254/", now);
    if (token) {
      if (status != 200 || token->access_token.empty()) std::abort();
      static_cast<void>(token->expiry());
    } else if (token.error().message.empty() || token.error().message.size() > 10'000) {
      std::abort();
    }
  }
  static_cast<void>(azure::parse_expires_on(text));
  return 0;
}
