// SPDX-License-Identifier: Apache-2.0
// Which build this is, and how our programs call themselves (api.md §11).
#pragma once
#include <string>
#include <string_view>

namespace podid::base {

std::string_view version();

// "MIC Version: <v> - NMI Version: <v> - Commit: <c> - Date: <d>", the answer to --version of both daemons.
std::string version_line();

// "aad-pod-identity/<component>/<version>/<commit>/<date>" and, where it is not empty, a space and `custom`. `component` is
// "MIC" or "NMI".
std::string user_agent(std::string_view component, std::string_view custom);

}  // namespace podid::base
