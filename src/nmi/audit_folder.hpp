// SPDX-License-Identifier: Apache-2.0
// Where the audit log lies, and that the server may write there.
#pragma once
#include <string>

#include "nmi/options.hpp"

namespace podid::nmi {

// The folder of the log and of its rings. Empty: there is no log.
std::string audit_folder(const NmiOptions& options);
// Of the rings, in that folder.
std::string audit_ring_folder(const NmiOptions& options);
// By the keeper, before it gives up privileges: makes the folder, and lets the server's group write there, whether the server
// becomes another user or not. As the folder's owner it needs the capability CHOWN, or the group among its own (fsGroup).
base::Result<> prepare_audit_folder(const NmiOptions& options);

}  // namespace podid::nmi
