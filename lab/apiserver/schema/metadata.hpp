// SPDX-License-Identifier: Apache-2.0
// metadata: its format rules, and which of its members a client may write. Pure.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// Each returns what is wrong, in the real server's words, or nothing.
std::optional<std::string> qualified_name_problem(std::string_view text);  // label keys, finalizers
std::optional<std::string> label_value_problem(std::string_view text);
std::optional<std::string> dns_subdomain_problem(std::string_view text);  // names of most objects
std::optional<std::string> dns_label_problem(std::string_view text);      // names of namespaces, port names
std::optional<std::string> path_segment_problem(std::string_view text);   // the weakest rule: usable in a URL

using NameRule = std::optional<std::string> (*)(std::string_view);

// Brings a decoded `metadata` into shape: members that it does not have are removed and their paths
// ("metadata.foo") added to `unknown`; null members and what the server alone writes in it (managedFields,
// selfLink) are removed. The error is the decoder's text for a member of a wrong type.
Answer<> shape_metadata(boost::json::object& metadata, std::string_view path, std::vector<std::string>& unknown);

// Format of name, namespace, labels, annotations, finalizers and owner references. `path` is "metadata" or
// that of an embedded object's.
void validate_metadata(const boost::json::object& metadata, NameRule name_rule, std::string_view path,
                       std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
