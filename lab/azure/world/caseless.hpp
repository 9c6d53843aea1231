// SPDX-License-Identifier: Apache-2.0
// Containers whose keys compare without case, as every identifier of Azure does (resource IDs, GUIDs, host
// names).
#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace podid::lab::azure {

struct CaselessLess {
  using is_transparent = void;
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
  bool operator()(std::string_view a, std::string_view b) const {
    return std::ranges::lexicographical_compare(a, b, {}, lower, lower);
  }
};

template <class T>
using CaselessMap = std::map<std::string, T, CaselessLess>;
using CaselessSet = std::set<std::string, CaselessLess>;

}  // namespace podid::lab::azure
