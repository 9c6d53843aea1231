// SPDX-License-Identifier: Apache-2.0
// What bounds the work on VMs and scale sets, where it is not a flag.
#pragma once
#include <chrono>
#include <cstddef>

namespace podid::mic {

// An identity that Azure refused is left out of later changes for this long, doubling at each refusal (MIC-16).
inline constexpr std::chrono::minutes kBadIdentityFirstDelay{1};
inline constexpr std::chrono::minutes kBadIdentityLastDelay{60};
// So many refusals of different identities does a namespace have on a VM or scale set before it waits, too: its further
// identities are asked for after kBadIdentityFirstDelay, doubling at each further refusal, at most this long (SEC-4).
inline constexpr std::size_t kRefusalsWithoutPause = 32;
inline constexpr std::chrono::minutes kNamespaceLastPause{10};
// Identities of which nothing speaks against go first, but others get a turn after so many requests for those.
inline constexpr std::size_t kRequestsBeforeSuspects = 3;
// A VM or scale set whose change failed as a whole is tried again after this long, doubling at each failure.
inline constexpr std::chrono::seconds kAzureRetryFirstDelay{5};
inline constexpr std::chrono::minutes kAzureRetryLastDelay{10};
// From so many VMs (or scale sets) of one resource group on, one list call takes the place of a look at each (MIC-5).
inline constexpr std::size_t kListThreshold = 8;
// How long the change of a VM or scale set waits for assignments on it that are just being written, so that they share
// one request.
inline constexpr std::chrono::milliseconds kFoldLimit{500};
// An update of a VM or scale set as a whole; Azure's own limits (mic.md §7.5) end it long before.
inline constexpr std::chrono::minutes kAzureUpdateLimit{60};

}  // namespace podid::mic
