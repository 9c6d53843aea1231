// SPDX-License-Identifier: Apache-2.0
#include "sandbox/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>

#include "support/in_child.hpp"

namespace podid::sandbox {
namespace {

TEST(Process, HardenedItGainsNothingAndShowsNothing) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              const base::Result<> hardened = harden_process();
              if (!hardened) return hardened.error().message;
              if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return "programs may gain privileges";
              if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return "its memory may be read";
              rlimit core{};
              ::getrlimit(RLIMIT_CORE, &core);
              if (core.rlim_cur != 0 || core.rlim_max != 0) return "a core file is written";
              return {};
            }),
            "");
}

TEST(Process, ItEndsWithItsParent) {
  // The parent tells through the pipe that its child lives, then ends; the child would hold the pipe open.
  EXPECT_EQ(test::in_child([]() -> std::string {
              std::array<int, 2> ready{};
              if (::pipe(ready.data()) != 0) return "no pipe";
              const pid_t parent = ::getpid();
              const pid_t child = ::fork();
              if (child == 0) {
                const bool bound = end_with_parent(parent).has_value();
                if (::write(ready[1], bound ? "b" : "-", 1) != 1) ::_exit(1);
                for (;;) ::pause();
              }
              char told = 0;
              if (::read(ready[0], &told, 1) != 1 || told != 'b') return "it is not bound to its parent";
              return {};
            }),
            "");
}

TEST(Process, AParentThatIsNotThereIsNoticed) {
  EXPECT_EQ(test::in_child([]() -> std::string {
              const base::Result<> bound = end_with_parent(::getpid());
              return bound ? "it was not noticed" : "";
            }),
            "");
}

TEST(Process, WhatIsBeyondTheMemoryLimitFailsAlone) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's own memory is beyond any limit";
#endif
  EXPECT_EQ(test::in_child([]() -> std::string {
              constexpr std::size_t kMiB = 1 << 20;
              const base::Result<> limited = limit_data(256 * kMiB);
              if (!limited) return limited.error().message;
              const std::unique_ptr<void, void (*)(void*)> some(std::malloc(32 * kMiB), std::free);
              if (some == nullptr) return "what is within the limit failed";
              const std::unique_ptr<void, void (*)(void*)> much(std::malloc(512 * kMiB), std::free);
              return much == nullptr ? "" : "what is beyond the limit was given";
            }),
            "");
}

}  // namespace
}  // namespace podid::sandbox
