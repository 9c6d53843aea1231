// SPDX-License-Identifier: Apache-2.0
// Field names of releases before 1.6.0, which stored them in lower case (api.md §8). Pure.
#pragma once
#include <boost/json/value.hpp>
#include <string_view>

namespace podid::mic {

// The object of one of our four kinds with today's spelling of every field that differs in case only. A field that is
// there in both spellings keeps today's. Metadata and the pairs of podLabels are left alone.
void modernise_field_names(boost::json::value& object);

}  // namespace podid::mic
