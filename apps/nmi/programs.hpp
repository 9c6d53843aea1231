// SPDX-License-Identifier: Apache-2.0
// The two processes of an NMI: the keeper starts this program once more, as the server.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "nmi/options.hpp"

namespace podid {

inline constexpr int kFatal = 255;  // as aad-pod-identity ends

int fatal(const base::Error& error);

// Until SIGTERM, SIGINT, or an error that the NMI cannot live with. `arguments` are the command line's, without the
// program's name.
int run_keeper(const nmi::NmiOptions& options, std::vector<std::string> arguments);

// Until the keeper says so, or is gone. `max_files`: that may be open.
int run_server(nmi::NmiOptions options, std::uint64_t max_files);

}  // namespace podid
