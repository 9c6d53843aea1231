// SPDX-License-Identifier: Apache-2.0
// What the server's sandbox leaves to it: tried from inside, in a child of the test. What each part of it forbids is
// tried in tests/sandbox.
#include "nmi/server_sandbox.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "azure/certificate.hpp"
#include "base/file.hpp"
#include "sandbox/privileges.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"
#include "zones/time_zones.hpp"

namespace podid::nmi {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSystemCallsAreFiltered = false;  // sandbox/system_calls.cpp
#else
constexpr bool kSystemCallsAreFiltered = true;
#endif

class ServerSandboxRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ::chmod(folder.path().c_str(), 0755);
    ::mkdir(folder.file("account").c_str(), 0755);
    EXPECT_TRUE(base::write_file(folder.file("account/token"), "token", 0644));
    EXPECT_TRUE(base::write_file(folder.file("other"), "secret", 0644));
    options.token_file = folder.file("account/token");
    options.memory_limit_file = folder.file("memory.max");
  }
  // Inside; what could not be done, but for `without`.
  std::string enter(const std::string& without = {}) {
    options.keeper = ::getppid();
    const base::Result<std::vector<Measure>> measures = enter_server_sandbox(options);
    if (!measures) return measures.error().message;
    std::string wrong;
    for (const Measure& measure : *measures) {
      const bool unsupported = !measure.outcome && measure.outcome.error().kind == base::ErrorKind::unsupported;
      if (!unsupported && measure.outcome.has_value() == (measure.name == without))
        wrong += std::string(measure.name) + "; ";
    }
    return wrong;
  }

  test::TemporaryFolder folder;
  ServerSandboxOptions options;
};

TEST_F(ServerSandboxRootTest, TheServerIsNobodyAndReadsWhatItNeeds) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const std::string wrong = enter();
              if (!wrong.empty()) return "not done: " + wrong;
              if (::getuid() != kServerUser || ::getgid() != kServerUser) return "it is not the server's user";
              if (base::read_file(options.token_file).value_or("") != "token") return "the token is not read";
              if (!base::read_file("/etc/resolv.conf") || !base::read_file("/etc/hosts"))
                return "names cannot be resolved";
              addrinfo* found = nullptr;
              if (::getaddrinfo("localhost", "80", nullptr, &found) != 0) return "localhost has no address";
              ::freeaddrinfo(found);
              return {};
            }),
            "");
}

// A binding that names a zone for the first time may come at any time.
TEST_F(ServerSandboxRootTest, TimeZonesCanBeRead) {
  const auto reads_zones = [this]() -> std::string {
    const std::string wrong = enter();
    if (!wrong.empty()) return "not done: " + wrong;
    zones::TimeZones zones;
    if (zones.find("Here") != nullptr) return {};
    return zones.find("Europe/Berlin") != nullptr ? "" : "no zone is found in " + zones::zone_folder();
  };
  EXPECT_EQ(test::in_child(reads_zones), "");
  ::mkdir(folder.file("zones").c_str(), 0755);
  const base::Result<std::string> zone = base::read_file("/usr/share/zoneinfo/Asia/Tokyo");
  ASSERT_TRUE(zone && base::write_file(folder.file("zones/Here"), *zone, 0644));
  ::setenv("TZDIR", folder.file("zones").c_str(), 1);
  EXPECT_EQ(test::in_child(reads_zones), "");
  ::unsetenv("TZDIR");
}

TEST_F(ServerSandboxRootTest, OtherFilesProcessesAndPortsAreOutOfReach) {
  EXPECT_EQ(
      test::in_child([this]() -> std::string {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const std::string not_done = enter();
        if (!not_done.empty()) return "not done: " + not_done;
        std::string wrong;
        for (const std::string& file : {folder.file("other"), std::string("/etc/passwd"), std::string("/proc/1/status"),
                                        std::string("/proc/self/mem"), std::string("/sys/kernel/notes")}) {
          if (::open(file.c_str(), O_RDONLY) >= 0) wrong += file + " is read; ";
        }
        if (::open((folder.file("account") + "/new").c_str(), O_WRONLY | O_CREAT, 0600) >= 0)
          wrong += "a file is made; ";
        if (::kill(::getppid(), 0) == 0) wrong += "the keeper can be signalled; ";
        char byte = 0;
        const iovec here{&byte, 1};
        if (::process_vm_readv(::getppid(), &here, 1, &here, 1, 0) >= 0) wrong += "the keeper's memory is read; ";
        if (kSystemCallsAreFiltered && ::listen(listener, 1) == 0) wrong += "a port is opened; ";
        if (::setuid(0) == 0) wrong += "it is root again; ";
        return wrong;
      }),
      "");
}

TEST_F(ServerSandboxRootTest, WithoutSetuidItStaysRootAndHasNothingOfIt) {
  EXPECT_EQ(test::in_child([this]() -> std::string {
              // As with upstream's manifests.
              constexpr sandbox::Capabilities kUpstream =
                  sandbox::capabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_DAC_READ_SEARCH});
              if (!sandbox::keep_capabilities(kUpstream, kUpstream)) return "cannot give up capabilities";
              const std::string wrong = enter("uid");
              if (!wrong.empty()) return "not as it should be: " + wrong;
              if (::getuid() != 0) return "it is not root";
              return ::open("/etc/shadow", O_RDONLY) < 0 ? "" : "it reads root's files";
            }),
            "");
}

TEST_F(ServerSandboxRootTest, MemoryIsBelowTheContainersLimit) {
  ASSERT_TRUE(base::write_file(folder.file("memory.max"), "268435456\n"));
  options.threads = 4;
  EXPECT_EQ(test::in_child([this]() -> std::string {
              const std::string wrong = enter();
              if (!wrong.empty()) return "not done: " + wrong;
              rlimit data{};
              ::getrlimit(RLIMIT_DATA, &data);
              const rlim_t wanted = (224U << 20) + 4 * (8U << 20);
              return data.rlim_max == wanted ? "" : "the limit is " + std::to_string(data.rlim_max);
            }),
            "");
}

TEST_F(ServerSandboxRootTest, RetiredCertificateStoresCanStillBeRead) {
  // Written by openssl with RC2 and 3DES, as tools of Azure's early days did.
  const std::string make =
      "cd " + folder.path() +
      " && openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=t -days 2 2>&1"
      " && openssl pkcs12 -export -legacy -inkey key -in cert -passout pass:p -out store 2>&1";
  ASSERT_EQ(std::system((make + " >/dev/null").c_str()), 0);
  const base::Result<std::string> store = base::read_file(folder.file("store"));
  ASSERT_TRUE(store);
  EXPECT_EQ(test::in_child([this, &store]() -> std::string {
              if (!azure::preload_legacy_provider()) return "legacy.so is missing";
              const std::string wrong = enter();
              if (!wrong.empty()) return "not done: " + wrong;
              const base::Result<azure::Certificate> read = azure::load_pkcs12(*store, base::Secret("p"));
              return read ? "" : read.error().message;
            }),
            "");
}

}  // namespace
}  // namespace podid::nmi
