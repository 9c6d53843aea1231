// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <sstream>

#include "lab/azure/world/lab_state.hpp"
#include "net/http_client.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

std::string write_config(const test::TemporaryFolder& folder, std::string_view content) {
  const std::string path = folder.file("config.json");
  std::ofstream(path) << content;
  return path;
}

TEST(ProgramOptions, SurviveARoundTripAndNameWhatIsWrong) {
  ProgramOptions options;
  options.world = default_world("", "10.0.0.4", "");
  options.simulator.listeners = {{.role = Role::imds, .address = "127.0.0.2", .port = 80, .node = "node-a"}};
  options.simulator.tls = {.certificate_chain_pem = "c", .key_pem = base::Secret("k")};
  const json::object written = write_program_options(options);
  const auto read = read_program_options(written);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(write_program_options(*read), written);
  const auto problem = [](const char* text) { return read_program_options(json::parse(text)).error().message; };
  EXPECT_EQ(problem("{}"), "world: missing");
  EXPECT_EQ(problem(R"({"world":{}})"), "listeners: at least one is needed");
  EXPECT_EQ(problem(R"({"world":{},"listeners":[{"role":"x"}]})"),
            "listeners[0].role: expected imds, azure, entra, arm, vault or control");
}

TEST(AzureProgram, SaysWhereItListensAndEndsOnSigterm) {
  ProgramOptions options;
  options.world = default_world("", "127.0.0.1", "");
  options.simulator.listeners = {{.role = Role::imds}, {.role = Role::control}};
  const test::TemporaryFolder folder;
  const std::string config = write_config(folder, json::serialize(write_program_options(options)));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::ofstream output("/dev/fd/" + std::to_string(ends[1]));
    ::_exit(run_azure_simulator(config, output));
  }
  ::close(ends[1]);
  const json::value line = json::parse(read_line(ends[0]));
  const json::array& listeners = line.at("listeners").as_array();
  ASSERT_EQ(listeners.size(), 2U);
  EXPECT_EQ(listeners[0].at("role"), "imds");

  base::asio::io_context io(1);
  base::RealClock clock;
  auto client = net::HttpClient::create(io.get_executor(), clock, {});
  ASSERT_TRUE(client.has_value());
  const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(listeners[1].at("port").to_number<int>()));
  ASSERT_TRUE(url.has_value());
  const auto response = test::run_task(
      io, (*client)->send(*url, {.target = "/_lab/health", .headers = {}, .body = {}}, net::Deadline::never()));
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->status, 200);

  EXPECT_EQ(::kill(child, SIGTERM), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ::close(ends[0]);
}

TEST(AzureProgram, AWrongConfigurationIsExitStatusTwo) {
  std::ostringstream output;
  EXPECT_EQ(run_azure_simulator("/nonexistent/config.json", output), 2);
  const test::TemporaryFolder folder;
  for (const std::string_view content : {"not json", "{}", R"({"world":{"x":1},"listeners":[{"role":"imds"}]})"}) {
    EXPECT_EQ(run_azure_simulator(write_config(folder, content), output), 2) << content;
  }
  EXPECT_EQ(output.str(), "");
}

TEST(AzureProgram, WhatItCannotListenOnIsExitStatusOne) {
  ProgramOptions options;
  options.world = default_world("", "127.0.0.1", "");
  // No machine has this address (RFC 5737).
  options.simulator.listeners = {{.role = Role::imds, .address = "192.0.2.1"}};
  std::ostringstream output;
  EXPECT_EQ(run_azure_simulator(options, output), 1);
  options.simulator.listeners = {{.role = Role::arm}};  // TLS without a certificate
  EXPECT_EQ(run_azure_simulator(options, output), 1);
  EXPECT_EQ(output.str(), "");
}

}  // namespace
}  // namespace podid::lab::azure
