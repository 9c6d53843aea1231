// SPDX-License-Identifier: Apache-2.0
#include "sandbox/privileges.hpp"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace podid::sandbox {
namespace {

std::unexpected<base::Error> fail_errno(const std::string& what) {
  const base::ErrorKind kind = errno == EPERM ? base::ErrorKind::denied : base::ErrorKind::internal;
  return base::fail(kind, what + ": " + std::generic_category().message(errno));
}

// Version 3 of the kernel's interface: 64 capabilities in two words.
using CapabilityWords = std::array<__user_cap_data_struct, 2>;

base::Result<CapabilityWords> read_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityWords words{};
  if (::syscall(SYS_capget, &header, words.data()) != 0) return fail_errno("capabilities");
  return words;
}

constexpr std::uint32_t word(Capabilities set, std::size_t index) {
  return static_cast<std::uint32_t>(set >> (32 * index));
}

}  // namespace

base::Result<Capabilities> permitted_capabilities() {
  const base::Result<CapabilityWords> words = read_capabilities();
  if (!words) return std::unexpected(words.error());
  return Capabilities{(*words)[1].permitted} << 32 | (*words)[0].permitted;
}

base::Result<> keep_capabilities(Capabilities permitted, Capabilities effective) {
  base::Result<CapabilityWords> words = read_capabilities();
  if (!words) return std::unexpected(std::move(words.error()));
  for (std::size_t i = 0; i < words->size(); ++i) {
    __user_cap_data_struct& at = (*words)[i];
    at.permitted &= word(permitted, i);
    at.effective = at.permitted & word(effective, i);
    at.inheritable = 0;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capset, &header, words->data()) != 0) return fail_errno("capabilities");
  return {};
}

base::Result<> become_user(uid_t user) {
  const base::Result<Capabilities> have = permitted_capabilities();
  if (!have) return std::unexpected(have.error());
  constexpr Capabilities kNeeded = capabilities({CAP_SETUID, CAP_SETGID});
  if ((*have & kNeeded) != kNeeded) {
    return base::fail(base::ErrorKind::denied, "changing the user needs the capabilities SETUID and SETGID");
  }
  if (::setgroups(0, nullptr) != 0) return fail_errno("supplementary groups");
  if (::setresgid(user, user, user) != 0) return fail_errno("group " + std::to_string(user));
  if (::setresuid(user, user, user) != 0) return fail_errno("user " + std::to_string(user));
  return keep_capabilities(0, 0);
}

}  // namespace podid::sandbox
