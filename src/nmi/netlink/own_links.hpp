// SPDX-License-Identifier: Apache-2.0
// The links that are made in the node's namespace by the NMI itself: the veth of the rules' proof (nmi.md §11.4).
#pragma once
#include <string_view>

namespace podid::nmi {

inline constexpr const char* kProofNodeEnd = "podid-proof0";  // where packets arrive like a pod's
inline constexpr const char* kProofOurEnd = "podid-proof1";

inline bool is_own_link(std::string_view name) { return name == kProofNodeEnd || name == kProofOurEnd; }

}  // namespace podid::nmi
