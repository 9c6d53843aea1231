// SPDX-License-Identifier: Apache-2.0
// What the NMI's tests are made of.
#pragma once
#include "azure/access_token.hpp"
#include "support/builders.hpp"

namespace podid::test {

// FakeClock's first wall time.
inline const base::WallTime kTestNow = base::WallTime(std::chrono::seconds(1'800'000'000));

inline azure::AccessToken make_token(const std::string& text, std::int64_t lifetime,
                                     base::WallTime received_at = kTestNow) {
  const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(received_at.time_since_epoch()).count();
  azure::AccessToken token;
  token.access_token = base::Secret(text);
  token.expires_in = lifetime;
  token.expires_on = now + lifetime;
  token.not_before = now - 300;
  token.resource = "https://vault.azure.net";
  token.token_type = "Bearer";
  token.received_at = received_at;
  return token;
}

}  // namespace podid::test
