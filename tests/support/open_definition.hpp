// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "kube/resource_type.hpp"

namespace podid::test {

// A CustomResourceDefinition of the type whose objects may have any spec and status.
inline boost::json::object open_definition(const kube::ResourceType& type) {
  namespace json = boost::json;
  const json::object open{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const json::object schema{
      {"openAPIV3Schema", {{"type", "object"}, {"properties", {{"spec", open}, {"status", open}}}}}};
  const json::object version{{"name", "v1"}, {"served", true}, {"storage", true}, {"schema", schema}};
  return {{"metadata",
           {{"name", fmt::format("{}.{}", type.plural, type.group)},
            {"annotations", {{"api-approved.kubernetes.io", "unapproved"}}}}},
          {"spec",
           {{"group", type.group},
            {"scope", type.namespaced ? "Namespaced" : "Cluster"},
            {"names",
             {{"plural", type.plural},
              {"singular", base::to_lower(type.kind)},
              {"kind", type.kind},
              {"listKind", fmt::format("{}List", type.kind)}}},
            {"versions", json::array{version}}}}};
}

}  // namespace podid::test
