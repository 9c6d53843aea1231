// SPDX-License-Identifier: Apache-2.0
#include "sandbox/landlock.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/file.hpp"
#include "sandbox/process.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

namespace podid::sandbox {
namespace {

class LandlockTest : public ::testing::Test {
 protected:
  LandlockTest() {
    ::mkdir(folder.file("open").c_str(), 0755);
    EXPECT_TRUE(base::write_file(folder.file("open/file"), "one"));
    EXPECT_TRUE(base::write_file(folder.file("closed"), "two"));
  }
  // Restricted to the folder `open`; empty, or why that is not so.
  std::string restricted() const {
    const base::Result<> hardened = harden_process();
    if (!hardened) return hardened.error().message;
    const base::Result<> done = restrict_files({folder.file("open"), folder.file("missing"), "/etc/hosts"});
    return done ? "" : done.error().message;
  }
  static bool has_landlock() {
    return test::in_child([] {
             const base::Result<> hardened = harden_process();
             const base::Result<> done = restrict_files({});
             return !done && done.error().kind == base::ErrorKind::unsupported ? "unsupported" : "";
           })
        .empty();
  }
  void SetUp() override {
    if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  }
  test::TemporaryFolder folder;
};

TEST_F(LandlockTest, OnlyWhatIsNamedIsReadAlsoWhatAppearsLater) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const int appears = ::open(folder.file("open").c_str(), O_PATH | O_CLOEXEC);
              const std::string wrong = restricted();
              if (!wrong.empty()) return wrong;
              if (base::read_file(folder.file("open/file")).value_or("") != "one")
                return "a named folder's file is not read";
              if (!base::read_file("/etc/hosts")) return "a named file is not read";
              const base::Result<std::string> closed = base::read_file(folder.file("closed"));
              if (closed || closed.error().kind != base::ErrorKind::denied) return "another file is read";
              if (::openat(appears, "../closed", O_RDONLY) >= 0) return "another file is read through a folder";
              return {};
            }),
            "");
}

TEST_F(LandlockTest, BelowAWritableFolderFilesAreMadeWrittenRenamedAndRemoved) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const base::Result<> hardened = harden_process();
              const base::Result<> done = restrict_files({}, {folder.file("open")});
              if (!hardened || !done) return "not restricted";
              if (::mkdir(folder.file("open/new").c_str(), 0700) != 0) return "no folder is made";
              if (!base::write_file(folder.file("open/new/a"), "one")) return "no file is made";
              if (::rename(folder.file("open/new/a").c_str(), folder.file("open/b").c_str()) != 0) return "not renamed";
              if (::truncate(folder.file("open/b").c_str(), 1) != 0) return "not cut";
              if (base::read_file(folder.file("open/b")).value_or("") != "o") return "not read";
              if (::unlink(folder.file("open/b").c_str()) != 0) return "not removed";
              if (::rmdir(folder.file("open/new").c_str()) != 0) return "a folder is not removed";
              if (::open(folder.file("closed").c_str(), O_WRONLY) >= 0) return "another file is written";
              if (::symlink("/etc", folder.file("open/link").c_str()) == 0) return "a link is made";
              return {};
            }),
            "");
}

TEST_F(LandlockTest, NothingIsWrittenMadeRemovedOrRun) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const std::string wrong = restricted();
              if (!wrong.empty()) return wrong;
              if (::open(folder.file("open/file").c_str(), O_WRONLY) >= 0) return "a file is written";
              if (::open(folder.file("open/new").c_str(), O_WRONLY | O_CREAT, 0600) >= 0) return "a file is made";
              if (::unlink(folder.file("open/file").c_str()) == 0) return "a file is removed";
              ::execl("/bin/true", "true", nullptr);
              return errno == EACCES ? "" : "a program was run or missing";
            }),
            "");
}

TEST_F(LandlockTest, NoPortIsOpenedAndNobodyOutsideIsSignalled) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const pid_t outside = ::getppid();
              const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
              const std::string wrong = restricted();
              if (!wrong.empty()) return wrong;
              sockaddr_in any{};
              any.sin_family = AF_INET;
              any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
              if (::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0) return "a port was opened";
              if (::kill(outside, 0) == 0) return "a process outside can be signalled";
              return ::kill(::getpid(), 0) == 0 ? "" : "its own threads cannot be signalled";
            }),
            "");
}

}  // namespace
}  // namespace podid::sandbox
