// SPDX-License-Identifier: Apache-2.0
// The logging flags that both daemons share.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/flags/cli_flags.hpp"

namespace podid::base {

struct LogOptions {
  std::string format = "text";
  int verbosity = 0;
};

// --log-format, -v/--v, and klog's other flags, which are accepted without effect (nmi.md §1).
void add_log_flags(FlagSet& flags, LogOptions& options);

// Configures base::log. The error for an unknown format is aad-pod-identity's own text.
Result<> apply_log_options(const LogOptions& options, std::string_view component);

}  // namespace podid::base
