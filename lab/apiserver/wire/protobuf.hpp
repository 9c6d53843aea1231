// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace podid::lab::apiserver {

inline constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

// A request body in Kubernetes' protobuf envelope as the JSON object that it stands for. Typed Go clients,
// kubectl create among them, write some kinds only this way: namespaces, config maps, secrets, service
// accounts, leases, events, access reviews, evictions and delete options are read. Nothing for other kinds
// and for malformed bytes; `problem` says which.
std::optional<boost::json::value> parse_protobuf(std::string_view bytes, std::string& problem);

}  // namespace podid::lab::apiserver
