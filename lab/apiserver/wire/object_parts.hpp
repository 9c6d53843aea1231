// SPDX-License-Identifier: Apache-2.0
// Parts of stored objects that the verbs look at. Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>

namespace podid::lab::apiserver {

// Buckets whose objects hold others.
inline constexpr std::string_view kNamespaces = "namespaces";
inline constexpr std::string_view kCrds = "customresourcedefinitions.apiextensions.k8s.io";

// The metadata of an object that has some (every shaped object does).
boost::json::object& metadata_of(boost::json::value& object);
// Whether a delete has been asked for.
bool is_ending(const boost::json::value& object);
bool has_finalizers(const boost::json::value& object);
// Counts metadata.generation up where there is one.
void add_generation(boost::json::object& metadata);

}  // namespace podid::lab::apiserver
