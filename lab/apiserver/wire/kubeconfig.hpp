// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace podid::lab::apiserver {

// A kubeconfig (as JSON, which is YAML) with one cluster, user and context. `ca_pem` and `token` may be
// empty. The result holds the token: write it with mode 0600.
std::string make_kubeconfig(std::string_view url, std::string_view ca_pem, const base::Secret& token);

}  // namespace podid::lab::apiserver
