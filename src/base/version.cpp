// SPDX-License-Identifier: Apache-2.0
#include "base/version.hpp"

#include <fmt/format.h>

namespace podid::base {
namespace {
// Set by the build for this file alone, so that a new commit recompiles nothing else.
constexpr std::string_view kVersion = PODID_VERSION;
constexpr std::string_view kCommit = PODID_COMMIT;
constexpr std::string_view kDate = PODID_BUILD_DATE;
}  // namespace

std::string_view version() { return kVersion; }

std::string version_line() {
  return fmt::format("MIC Version: {0} - NMI Version: {0} - Commit: {1} - Date: {2}", kVersion, kCommit, kDate);
}

std::string user_agent(std::string_view component, std::string_view custom) {
  std::string text = fmt::format("aad-pod-identity/{}/{}/{}/{}", component, kVersion, kCommit, kDate);
  if (!custom.empty()) text.append(" ").append(custom);
  return text;
}

}  // namespace podid::base
