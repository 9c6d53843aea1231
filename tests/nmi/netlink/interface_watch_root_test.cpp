// SPDX-License-Identifier: Apache-2.0
// Which changes of the kernel's interfaces count as a new one. In a network namespace of the test's own; needs root.
#include "nmi/netlink/interface_watch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class InterfaceWatchRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    home = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    must("ip link add old type bridge");
    watch.start();
    io.poll();  // it listens
  }
  void TearDown() override {
    if (home < 0) return;
    test::run_task(io, watch.stop());
    ::setns(home, CLONE_NEWNET);
    ::close(home);
  }
  static void must(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  // What the kernel has told by now; it tells before the change returns.
  void take_notifications() {
    io.restart();
    io.poll();
  }

  base::asio::io_context io{1};
  test::FakeClock clock;
  test::SeededRandom random;
  int appeared = 0;
  InterfaceWatch watch{io.get_executor(), clock, random, [this] { ++appeared; }};
  int home = -1;
};

TEST_F(InterfaceWatchRootTest, ANewInterfaceIsNoticedAndAChangeOfAnOldOneIsNot) {
  must("ip link set old up && ip link set old mtu 1400 && ip link set old down");
  take_notifications();
  EXPECT_EQ(appeared, 0);
  must("ip link add new type bridge");
  take_notifications();
  EXPECT_EQ(appeared, 1);
  must("ip link del old");
  take_notifications();
  EXPECT_EQ(appeared, 1) << "one that goes is none that comes";
}

TEST_F(InterfaceWatchRootTest, OurOwnIsNoPods) {
  must("ip link add podid-proof0 type veth peer name podid-proof1");
  take_notifications();
  EXPECT_EQ(appeared, 0);
}

// As the pod's end of a pair comes and goes.
TEST_F(InterfaceWatchRootTest, OneThatComesFromAnotherNamespaceIsNoticed) {
  must("unshare --net sh -c 'ip link add guest type veth peer name other && ip link set guest netns " +
       std::to_string(::getpid()) + "'");
  take_notifications();
  EXPECT_EQ(appeared, 1);
}

TEST_F(InterfaceWatchRootTest, WhenTheKernelDropsNotificationsOneMayHaveBeenMissed) {
  const test::TemporaryFolder folder;
  {
    std::ofstream batch(folder.file("batch"));
    for (int i = 0; i < 4000; ++i) batch << "link set old " << (i % 2 == 0 ? "up" : "down") << "\n";
  }
  must("ip -batch " + folder.file("batch"));
  take_notifications();
  EXPECT_EQ(appeared, 1);
}

TEST_F(InterfaceWatchRootTest, AfterStopNothingIsTold) {
  test::run_task(io, watch.stop());
  must("ip link add new type bridge");
  take_notifications();
  EXPECT_EQ(appeared, 0);
}

}  // namespace
}  // namespace podid::nmi
