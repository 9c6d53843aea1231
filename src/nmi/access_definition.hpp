// SPDX-License-Identifier: Apache-2.0
// Whether the API server keeps spec.access of bindings. A definition without it, as of aad-pod-identity, drops the field without
// a word: a binding that was to be limited is not.
#pragma once
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "kube/client.hpp"

namespace podid::nmi {

// Asks until it is answered, sets aadpodidentity_nmi_crd_field_missing, and says so in the log where the field is missing.
base::Task<> check_definition(kube::Client& client, base::MetricsRegistry& metrics);

}  // namespace podid::nmi
