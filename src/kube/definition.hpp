// SPDX-License-Identifier: Apache-2.0
// What the API server keeps of custom resources, by their CustomResourceDefinition. Pure.
#pragma once
#include <boost/json/fwd.hpp>
#include <string_view>

#include "kube/object_key.hpp"
#include "kube/resource_type.hpp"

namespace podid::kube {

// Under which the definition of a type is found: "things.example.org".
ObjectKey definition_of(const ResourceType& type);

// Whether the type's version has a member of spec, or takes any. One that it has not is dropped without a word.
bool keeps_spec_member(const boost::json::value& definition, const ResourceType& type, std::string_view member);

}  // namespace podid::kube
