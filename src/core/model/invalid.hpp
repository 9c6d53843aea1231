// SPDX-License-Identifier: Apache-2.0
// The error value of core, which knows no other folder: what is wrong with a piece of data, and where.
#pragma once
#include <expected>
#include <string>

namespace podid::core {

struct Invalid {
  std::string field;    // path of the field as a user writes it, e.g. "spec.clientPassword.name"; empty: the
                        // whole value
  std::string problem;  // e.g. "expected a string, found a number"

  std::string message() const { return field.empty() ? problem : field + ": " + problem; }
};

template <class T>
using Read = std::expected<T, Invalid>;

}  // namespace podid::core
