// SPDX-License-Identifier: Apache-2.0
// What a reader of objects with errors of its own says, as an informer's decoder says it.
#pragma once
#include <expected>
#include <utility>

#include "base/error.hpp"

namespace podid::kube {

// `invalid`, with the problem's message(). Problem: core::Invalid.
template <class T, class Problem>
base::Result<T> decoded(std::expected<T, Problem> read) {
  if (read) return std::move(*read);
  return base::fail(base::ErrorKind::invalid, read.error().message());
}

}  // namespace podid::kube
