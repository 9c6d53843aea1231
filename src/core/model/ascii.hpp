// SPDX-License-Identifier: Apache-2.0
// Case folding for the domain's comparisons. ASCII only, as the API specification asks. (core includes
// nothing of ours, so it cannot use base/text.hpp.)
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace podid::core {

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

}  // namespace podid::core
