// SPDX-License-Identifier: Apache-2.0
// Connections that pods opened to the real endpoint before the redirect was in place.
#pragma once
#include <cstddef>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// Deletes the connection-tracking entries of TCP connections to the metadata address that are not redirected to us, so
// that their next packet meets the rules (nmi.md §11.1). Answers how many there were. `unsupported` where the kernel
// has no connection tracking over netlink; `denied` without CAP_NET_ADMIN.
base::Task<base::Result<std::size_t>> delete_stale_connections(RedirectTarget target);

}  // namespace podid::nmi
