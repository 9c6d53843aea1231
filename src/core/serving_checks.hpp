// SPDX-License-Identifier: Apache-2.0
// The words of core/serving: its part of the list of checks, in their order, before those of decide(). Pure and thread-safe.
#pragma once
#include <chrono>

#include "core/decide.hpp"
#include "core/serving.hpp"

namespace podid::core {

// Appends to `checks`. The first that failed is the reason where the pod is refused.
void record_serving(const ServingInput& input, const ServingTerms& terms, std::chrono::system_clock::time_point now,
                    CheckList& checks);

}  // namespace podid::core
