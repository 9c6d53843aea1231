// SPDX-License-Identifier: Apache-2.0
#include "nmi/audit_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "nmi/server_sandbox.hpp"

namespace podid::nmi {

std::string audit_folder(const NmiOptions& options) {
  if (options.audit_log_path.empty()) return {};
  // Standard output takes no rings: these survive the process in memory.
  if (options.audit_log_path == "-") return "/dev/shm/podid-audit-" + options.node;
  const std::filesystem::path folder = std::filesystem::absolute(options.audit_log_path).parent_path();
  return folder.string();
}

std::string audit_ring_folder(const NmiOptions& options) { return audit_folder(options) + "/rings"; }

base::Result<> prepare_audit_folder(const NmiOptions& options) {
  const std::string folder = audit_folder(options);
  if (folder.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::fail(base::ErrorKind::denied, "cannot make " + folder + ": " + error.message());
  if (::geteuid() != 0) return {};
  if (::chown(folder.c_str(), static_cast<uid_t>(-1), kServerUser) != 0 || ::chmod(folder.c_str(), 0770) != 0) {
    return base::fail(base::ErrorKind::denied, "cannot give " + folder + " to group " + std::to_string(kServerUser) +
                                                   ": " + std::generic_category().message(errno));
  }
  return {};
}

}  // namespace podid::nmi
