// SPDX-License-Identifier: Apache-2.0
// What of an answer of IMDS, Entra ID or the resource manager may stand in an error text: those reach pods, logs and events.
// Pure.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace podid::azure {

inline constexpr std::size_t kMaxQuotedCode = 128;
inline constexpr std::size_t kMaxQuotedText = 2048;

// `text` with control characters escaped and tokens blanked out, cut after `limit` bytes.
std::string quotable(std::string_view text, std::size_t limit);

// Of a token endpoint's body: its members error, error_description, error_codes and suberror as a JSON object ("{}" where
// there is none of them), the code and message of an error that is an object itself; of a body that is no JSON object only
// its size.
std::string quoted_error(std::string_view body);

// Values of token members and everything that looks like a JWT blanked out, cut after `limit` bytes, other characters
// unchanged.
std::string without_tokens(std::string_view body, std::size_t limit);

}  // namespace podid::azure
