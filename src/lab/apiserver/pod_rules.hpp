// SPDX-License-Identifier: Apache-2.0
// Defaults and checks of pods. Pure.
#pragma once
#include <boost/json.hpp>
#include <vector>

#include "lab/apiserver/api_status.hpp"

namespace podid::lab::apiserver {

void prepare_pod(boost::json::object& pod);
void set_pod_defaults(boost::json::object& pod);
void validate_pod(const boost::json::value& pod, std::vector<StatusCause>& causes);
// Of a pod's spec, only images, tolerations, activeDeadlineSeconds and a few more may change.
void validate_pod_update(const boost::json::value& before, const boost::json::value& after,
                         std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
