// SPDX-License-Identifier: Apache-2.0
// From a request's body to an object that can be stored: type, metadata, pruning, canonical order. Pure.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// What happens to a member that the schema does not know (the fieldValidation parameter).
enum class FieldValidation { ignore, warn, strict };

struct ShapedObject {
  boost::json::object object;         // apiVersion, kind, metadata first; metadata is an object of known members
  std::vector<std::string> warnings;  // texts of Warning headers
};

// `ns` is the namespace of the URL ("" for cluster-scoped resources); it is filled in where the body has
// none. Refuses a wrong apiVersion, kind, namespace or member type (400), and unknown members when strict
// (400).
Answer<ShapedObject> shape_object(const Resource& resource, std::string_view ns, boost::json::value body,
                                  FieldValidation field_validation);

// Everything that is checked before an object is stored: metadata, schema, the kind's rules.
Answer<> validate_object(const Resource& resource, const boost::json::value& object);

}  // namespace podid::lab::apiserver
