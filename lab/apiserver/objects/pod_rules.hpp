// SPDX-License-Identifier: Apache-2.0
// Defaults and checks of pods. Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// The times of conditions, which Go writes as null where they are not set. `probe_name`: the one beside
// lastTransitionTime.
void set_condition_times(boost::json::object& status, std::string_view probe_name);

void prepare_pod(boost::json::object& pod);
void set_pod_defaults(boost::json::object& pod);
void validate_pod(const boost::json::value& pod, std::vector<StatusCause>& causes);
// Of a pod's spec, only images, tolerations, activeDeadlineSeconds and a few more may change.
void validate_pod_update(const boost::json::value& before, const boost::json::value& after,
                         std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
