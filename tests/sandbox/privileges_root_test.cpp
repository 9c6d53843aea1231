// SPDX-License-Identifier: Apache-2.0
#include "sandbox/privileges.hpp"

#include <fcntl.h>
#include <grp.h>

#include "sandbox/process.hpp"
#include "support/in_child.hpp"

namespace podid::sandbox {
namespace {

constexpr uid_t kUser = 65532;

class PrivilegesRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(PrivilegesRootTest, AnotherUserHasNoGroupsNoCapabilitiesAndNoWayBack) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              const base::Result<> become = become_user(kUser);
              if (!become) return become.error().message;
              uid_t real = 0, effective = 0, saved = 0;
              ::getresuid(&real, &effective, &saved);
              if (real != kUser || effective != kUser || saved != kUser) return "the user is another";
              ::getresgid(&real, &effective, &saved);
              if (real != kUser || effective != kUser || saved != kUser) return "the group is another";
              if (::getgroups(0, nullptr) != 0) return "it has other groups";
              if (permitted_capabilities().value_or(1) != 0) return "it has capabilities";
              if (::setresuid(0, 0, 0) == 0) return "it became root again";
              return {};
            }),
            "");
}

TEST_F(PrivilegesRootTest, WithoutSetuidAndSetgidNothingChanges) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              constexpr Capabilities kKept = capabilities({CAP_NET_ADMIN, CAP_SETUID});
              const base::Result<> kept = keep_capabilities(kKept, kKept);
              if (!kept) return kept.error().message;
              const base::Result<> become = become_user(kUser);
              if (become) return "it became another user";
              if (become.error().kind != base::ErrorKind::denied) return become.error().message;
              return ::geteuid() == 0 && permitted_capabilities().value_or(0) == kKept ? "" : "something has changed";
            }),
            "");
}

TEST_F(PrivilegesRootTest, WhatIsGivenUpDoesNotComeBackWithAProgramOfRoot) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              constexpr Capabilities kKept = capabilities({CAP_NET_ADMIN, CAP_SETUID});
              const base::Result<> hardened = harden_process();
              const base::Result<> kept = keep_capabilities(kKept, capabilities({CAP_NET_ADMIN}));
              if (!hardened || !kept) return "cannot give up capabilities";
              if (::setgroups(0, nullptr) == 0) return "SETGID is still there";
              FILE* status = ::popen("grep CapPrm /proc/self/status", "r");
              char line[128] = "";
              const bool read = std::fgets(line, sizeof line, status) != nullptr;
              ::pclose(status);
              return read && std::stoull(line + 7, nullptr, 16) == kKept ? "" : std::string("the program has ") + line;
            }),
            "");
}

}  // namespace
}  // namespace podid::sandbox
