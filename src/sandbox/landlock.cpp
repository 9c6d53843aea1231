// SPDX-License-Identifier: Apache-2.0
#include "sandbox/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace podid::sandbox {
namespace {

// As in the kernel's header of Linux 6.12; Debian 12's ends at the second version.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};
constexpr std::uint64_t kFirstFiles = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all of the first version
constexpr std::uint64_t kRefer = 1 << 13;                                      // from the second
constexpr std::uint64_t kTruncate = 1 << 14;                                   // third
constexpr std::uint64_t kBindTcp = 1 << 0;                                     // fourth
constexpr std::uint64_t kIoctlDevice = 1 << 15;                                // fifth
constexpr std::uint64_t kScopeAbstractSocket = 1 << 0, kScopeSignal = 1 << 1;  // sixth

Ruleset everything(long version) {
  Ruleset all;
  all.files =
      kFirstFiles | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0) | (version >= 5 ? kIoctlDevice : 0);
  all.network = version >= 4 ? kBindTcp : 0;
  all.scoped = version >= 6 ? kScopeAbstractSocket | kScopeSignal : 0;
  return all;
}

std::size_t size_of(long version) {
  constexpr std::size_t kField = sizeof(std::uint64_t);
  return version >= 6 ? 3 * kField : version >= 4 ? 2 * kField : kField;
}

std::unexpected<base::Error> fail_errno(const std::string& what) {
  return base::fail(base::ErrorKind::internal, what + ": " + std::generic_category().message(errno));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// `more`: beside reading, of a folder.
base::Result<> allow_reading(int ruleset, const std::string& path, std::uint64_t more = 0) {
  const Descriptor at{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (at.fd < 0) return {};  // not there, or not for us
  struct stat about{};
  if (::fstat(at.fd, &about) != 0) return fail_errno(path);
  landlock_path_beneath_attr rule{};
  rule.parent_fd = at.fd;
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
  if (S_ISDIR(about.st_mode)) rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR | more;
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) return fail_errno(path);
  return {};
}

}  // namespace

base::Result<> restrict_files(const std::vector<std::string>& readable, const std::vector<std::string>& writable) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return base::fail(base::ErrorKind::unsupported, "this kernel has no Landlock");
  const Ruleset all = everything(version);
  const Descriptor ruleset{static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size_of(version), 0))};
  if (ruleset.fd < 0) return fail_errno("Landlock");
  for (const std::string& path : readable) {
    const base::Result<> added = allow_reading(ruleset.fd, path);
    if (!added) return base::fail(added.error(), "Landlock");
  }
  const std::uint64_t changing =
      (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | kRefer | kTruncate) &
      all.files;
  for (const std::string& folder : writable) {
    const base::Result<> added = allow_reading(ruleset.fd, folder, changing);
    if (!added) return base::fail(added.error(), "Landlock");
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.fd, 0) != 0) return fail_errno("Landlock");
  return {};
}

}  // namespace podid::sandbox
