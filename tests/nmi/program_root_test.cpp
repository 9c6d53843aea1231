// SPDX-License-Identifier: Apache-2.0
// The program itself: its two processes on a node of the test's own, and what becomes of pods' requests when one of them
// ends. Needs root.
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "nmi/redirect/node_namespace.hpp"
#include "sandbox/privileges.hpp"
#include "support/model_server.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

constexpr uid_t kServer = 65532;

class ProgramRootTest : public NodeNamespaceTest {
 protected:
  void SetUp() override {
    NodeNamespaceTest::SetUp();
    if (IsSkipped()) return;
    api = std::make_unique<test::ModelServer>(io.get_executor());
    ASSERT_TRUE(base::write_file(folder.file("token"), "first-token", 0600));
    ASSERT_TRUE(
        base::write_file(folder.file("kubeconfig"),
                         "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"" +
                             api->url() + "\"}}]\nusers: [{name: u, user: {tokenFile: \"" + folder.file("token") +
                             "\"}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
                         0600));
  }
  void TearDown() override {
    end_keeper(SIGKILL);
    if (api) test::run_task(io, api->stop());
    NodeNamespaceTest::TearDown();
  }

  // `capabilities`: those that it has.
  void start_program(std::vector<std::string> flags = {},
                     sandbox::Capabilities capabilities = ~sandbox::Capabilities{0}) {
    std::vector<std::string> command{PODID_NMI,
                                     "--kubeconfig=" + folder.file("kubeconfig"),
                                     "--node=node-a",
                                     "--allow-network-plugin-kubenet",
                                     "--nmi-port=2580",
                                     "--http-probe-port=8085",
                                     "--redirect=nftables"};
    command.insert(command.end(), flags.begin(), flags.end());
    const std::string log = folder.file("log");
    keeper = ::fork();
    if (keeper == 0) {
      const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      ::dup2(to, 2);
      // As a container runtime does: no program gets others.
      for (int number = 0; number < 64; ++number) {
        if ((capabilities >> number & 1) == 0) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
      }
      if (!sandbox::keep_capabilities(capabilities, capabilities)) ::_exit(126);
      std::vector<char*> argv;
      for (std::string& argument : command) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  void start_ready(std::vector<std::string> flags = {},
                   sandbox::Capabilities capabilities = ~sandbox::Capabilities{0}) {
    start_program(std::move(flags), capabilities);
    ASSERT_TRUE(becomes_ready()) << log();
  }
  bool becomes_ready() {
    return test::run_until(io, [this] {
      return asynchronous("curl -s -m 2 -o /dev/null -w %{http_code} http://127.0.0.1:8085/readyz") == "200";
    });
  }
  // The API server is on this thread: it has to answer meanwhile.
  std::string asynchronous(const std::string& command) {
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string output;
    ::fcntl(::fileno(pipe), F_SETFL, O_NONBLOCK);
    std::array<char, 256> chunk{};
    for (;;) {
      const ssize_t n = ::read(::fileno(pipe), chunk.data(), chunk.size());
      if (n == 0) break;
      if (n > 0) output.append(chunk.data(), static_cast<std::size_t>(n));
      io.restart();
      io.run_one_for(std::chrono::milliseconds(5));
    }
    ::pclose(pipe);
    return output;
  }
  // What a pod gets that asks without the header; "000": nothing.
  std::string pods_status() {
    return asynchronous("nsenter -t " + std::to_string(pod_) +
                        " -n curl -s -m 3 -o /dev/null -w %{http_code} "
                        "'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=r'");
  }
  // 0 when there is none.
  pid_t server() const {
    const std::string found = run("pgrep -P " + std::to_string(keeper) + " -x nmi-server").output;
    return base::parse_number<pid_t>(base::trim(found)).value_or(0);
  }
  static std::string status(pid_t process, std::string_view field) {
    const base::Result<std::string> text = base::read_file("/proc/" + std::to_string(process) + "/status");
    const std::string line = "\n" + std::string(field) + ":";
    const std::size_t at = text ? text->find(line) : std::string::npos;
    if (at == std::string::npos) return "?";
    const std::size_t begin = at + line.size();
    return std::string(base::trim(std::string_view(*text).substr(begin, text->find('\n', begin) - begin)));
  }
  static std::string uids(uid_t user) {
    const std::string text = std::to_string(user);
    return text + "\t" + text + "\t" + text + "\t" + text;
  }
  std::string log() const { return base::read_file(folder.file("log")).value_or("no log"); }
  std::string metrics_text() { return asynchronous("curl -s -m 2 http://127.0.0.1:9090/metrics"); }
  // Its exit status, as waitpid() gives it; -1 where there was none.
  int end_keeper(int signal) {
    if (keeper <= 0) return -1;
    ::kill(keeper, signal);
    return wait_for_keeper();
  }
  int wait_for_keeper() {
    int how = -1;
    EXPECT_TRUE(test::run_until(io, [&] { return ::waitpid(keeper, &how, WNOHANG) == keeper; })) << log();
    keeper = 0;
    return how;
  }
  static bool is_gone(pid_t process) {
    return status(process, "State") == "?" || status(process, "State").starts_with("Z");
  }
  bool sent_token(std::string_view token) const {
    return std::ranges::any_of(api->requests, [token](const net::Request& request) {
      return request.headers.get_or_empty("Authorization") == "Bearer " + std::string(token);
    });
  }

  test::TemporaryFolder folder;
  std::unique_ptr<test::ModelServer> api;
  pid_t keeper = 0;
};

// Hexadecimal, as /proc shows sets.
std::string hex(sandbox::Capabilities set) { return fmt::format("{:016x}", set); }

TEST_F(ProgramRootTest, TheKeeperMayChangeTheNodeAndTheServerNothing) {
  start_ready();
  const sandbox::Capabilities of_keeper = sandbox::capabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_DAC_READ_SEARCH});
  EXPECT_EQ(status(keeper, "Uid"), uids(0));
  EXPECT_EQ(status(keeper, "CapEff"), hex(of_keeper));
  EXPECT_EQ(status(keeper, "CapPrm"), hex(of_keeper | sandbox::capabilities({CAP_SETUID, CAP_SETGID})));
  EXPECT_EQ(status(keeper, "NoNewPrivs"), "1");
  const pid_t its_server = server();
  ASSERT_NE(its_server, 0);
  EXPECT_EQ(status(its_server, "Uid"), uids(kServer));
  EXPECT_EQ(status(its_server, "Gid"), uids(kServer));
  EXPECT_EQ(status(its_server, "Groups"), "");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) EXPECT_EQ(status(its_server, set), hex(0)) << set;
  EXPECT_EQ(status(its_server, "NoNewPrivs"), "1");
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_EQ(status(its_server, "Seccomp"), "2");
#endif
  // Whoever shows its memory has /proc/<pid> owned by its user.
  EXPECT_EQ(run("stat -c %u /proc/" + std::to_string(its_server) + "/environ").output, "0\n");
  EXPECT_EQ(run("grep -c 'Max core file size *0 *0' /proc/" + std::to_string(its_server) + "/limits").output, "1\n");
  const std::string shown = metrics_text();
  for (const char* measure : {"uid", "capabilities", "no_new_privs", "memory_limit"}) {
    EXPECT_TRUE(shown.contains(fmt::format("aadpodidentity_nmi_hardening{{measure=\"{}\"}} 1\n", measure))) << measure;
  }
  EXPECT_TRUE(shown.contains("aadpodidentity_nmi_redirect_active 1\n")) << shown;
  EXPECT_TRUE(shown.contains("aadpodidentity_nmi_fence_active 1\n")) << shown;
}

TEST_F(ProgramRootTest, AKilledServerIsStartedAgainAndTheRedirectStays) {
  start_ready();
  ASSERT_EQ(pods_status(), "400") << log();
  const pid_t first = server();
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(test::run_until(io, [&] {
    // Nothing, or the NMI: the rules lead nowhere else.
    const std::string got = pods_status();
    EXPECT_TRUE(got == "000" || got == "400") << got;
    const pid_t now = server();
    return got == "400" && now != 0 && now != first;
  })) << log();
  EXPECT_TRUE(log().contains("signal Killed")) << log();
  EXPECT_FALSE(log().contains("putting it back")) << log();
  ASSERT_TRUE(becomes_ready()) << log();
  EXPECT_TRUE(metrics_text().contains("aadpodidentity_nmi_redirect_active 1\n"));
}

TEST_F(ProgramRootTest, AKilledKeeperTakesTheServerAlongAndTheRulesStay) {
  start_ready();
  const pid_t its_server = server();
  end_keeper(SIGKILL);
  ASSERT_TRUE(test::run_until(io, [&] { return is_gone(its_server); }));
  EXPECT_EQ(pods_status(), "000");
}

TEST_F(ProgramRootTest, ToldToEndBothEndAndTheRulesStay) {
  start_ready();
  const pid_t its_server = server();
  EXPECT_EQ(end_keeper(SIGTERM), 0) << log();
  EXPECT_TRUE(is_gone(its_server));
  EXPECT_EQ(pods_status(), "000");
}

TEST_F(ProgramRootTest, TheServerIsToldToEndByTheKeeperAlone) {
  start_ready();
  const pid_t its_server = server();
  ASSERT_EQ(::kill(its_server, SIGTERM), 0);
  EXPECT_EQ(pods_status(), "400");
  EXPECT_EQ(server(), its_server);
}

TEST_F(ProgramRootTest, WithCleanupOnExitTheRulesGo) {
  start_ready({"--cleanup-on-exit"});
  EXPECT_EQ(end_keeper(SIGTERM), 0) << log();
  EXPECT_TRUE(pod_gets(kMetadata).starts_with("REAL"));
}

TEST_F(ProgramRootTest, WhatNoOtherServerWouldDoBetterEndsTheProgram) {
  start_program({"--nmi-port=8081"});  // somebody listens there
  const int how = wait_for_keeper();
  ASSERT_TRUE(WIFEXITED(how));
  EXPECT_EQ(WEXITSTATUS(how), 255);
  EXPECT_TRUE(log().contains("cannot listen on 127.0.0.1:8081")) << log();
  EXPECT_TRUE(pod_gets(kMetadata).starts_with("REAL")) << "no rule was made";
}

TEST_F(ProgramRootTest, AServerThatNeverListensLeavesNothingOpen) {
  const std::string stuck = folder.file("stuck");
  ASSERT_EQ(::mkfifo(stuck.c_str(), 0600), 0);
  start_program({"--kubeconfig=" + stuck});
  ASSERT_TRUE(test::run_until(io, [this] { return server() != 0; })) << log();
  EXPECT_TRUE(run("ip rule").output.contains("to 169.254.169.254 blackhole")) << "the fence is there before the server";
  ASSERT_EQ(::kill(server(), SIGKILL), 0);
  ASSERT_TRUE(test::run_until(io, [this] { return log().contains("redirect is in place"); })) << log();
  EXPECT_EQ(pods_status(), "000");
  end_keeper(SIGKILL);
  // A server that waits for its configuration does not end with the keeper yet.
  const int writer = ::open(stuck.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (writer >= 0) ::close(writer);
}

// It talks nonsense and goes on living. The keeper may not kill another user's process; the end of a container does.
TEST_F(ProgramRootTest, AServerThatIsCutOffAndDoesNotEndIsNotWaitedForForever) {
  start_ready();
  const pid_t stuck = server();
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, stuck, 0));
  const int link = static_cast<int>(::syscall(SYS_pidfd_getfd, process, 3, 0));
  ASSERT_GE(link, 0) << std::strerror(errno);
  ASSERT_EQ(::kill(stuck, SIGSTOP), 0);
  ASSERT_EQ(::send(link, "?", 1, 0), 1);
  ::close(link);
  ::close(process);
  const int how = wait_for_keeper();
  ::kill(stuck, SIGKILL);
  EXPECT_TRUE(WIFEXITED(how) && WEXITSTATUS(how) == 255) << log();
  EXPECT_TRUE(log().contains("does not end")) << log();
  EXPECT_EQ(pods_status(), "000");
}

TEST_F(ProgramRootTest, WithUpstreamsCapabilitiesItWorksAndSaysWhatIsMissing) {
  start_ready({}, sandbox::capabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_DAC_READ_SEARCH}));
  const pid_t its_server = server();
  EXPECT_EQ(status(its_server, "Uid"), uids(0));
  for (const char* set : {"CapPrm", "CapEff"}) EXPECT_EQ(status(its_server, set), hex(0)) << set;
  EXPECT_EQ(pods_status(), "400");
  EXPECT_TRUE(metrics_text().contains("aadpodidentity_nmi_hardening{measure=\"uid\"} 0\n"));
  EXPECT_TRUE(log().contains("SETUID")) << log();
  ASSERT_EQ(::kill(its_server, SIGKILL), 0);
  ASSERT_TRUE(test::run_until(io, [&] { return pods_status() == "400"; })) << log();
  EXPECT_EQ(end_keeper(SIGTERM), 0) << log();
}

// By a server that may make no such socket any more, and is of another user than the socket's owner.
TEST_F(ProgramRootTest, TheHostSocketServesTheUsersThatAreNamed) {
  const std::string path = folder.file("host.sock");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  start_ready({"--host-token-socket=" + path, "--host-token-uids=1000", "--enable-host-token=false"});
  const auto asked_by = [&](uid_t user) {
    return asynchronous(
        fmt::format("setpriv --reuid={} --clear-groups curl -s -m 3 -o /dev/null -w %{{http_code}} "
                    "--unix-socket {} -H 'podns: shop' -H 'podname: gone' "
                    "'http://localhost/host/token?resource=r'",
                    user, path));
  };
  EXPECT_EQ(asked_by(1000), "404") << log();  // there is no such pod
  for (const uid_t other : {0u, 1001u, kServer}) EXPECT_EQ(asked_by(other), "000") << other;
  const pid_t first = server();
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(test::run_until(io, [&] { return asked_by(1000) == "404" && server() != first; })) << log();
}

TEST_F(ProgramRootTest, ATokenThatTheServerCannotReadIsHandedOver) {
  start_ready();
  EXPECT_TRUE(sent_token("first-token"));
  EXPECT_TRUE(log().contains("it gets it from here")) << log();
  // The folder is out of its reach as well: a new server reads it before it becomes another user.
  ASSERT_TRUE(base::write_file(folder.file("token"), "second-token", 0600));
  ASSERT_EQ(::kill(server(), SIGKILL), 0);
  ASSERT_TRUE(test::run_until(io, [&] { return sent_token("second-token"); })) << log();
}

}  // namespace
}  // namespace podid::nmi
