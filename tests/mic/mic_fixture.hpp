// SPDX-License-Identifier: Apache-2.0
// The whole controller in process, between the lab's API server and its Azure simulator, over real HTTP. Time stands still
// while anybody has something to do, and jumps a second when nobody has.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.hpp"
#include "lab/apiserver/api_server.hpp"
#include "lab/azure/simulator.hpp"
#include "lab/azure/world/lab_state.hpp"
#include "mic/mic.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"

namespace podid::test {

namespace json = boost::json;

class MicFixture : public ::testing::Test {
 public:
  MicFixture();
  ~MicFixture() override;
  void SetUp() override;

  // ---- the cluster ----
  json::value put(kube::ResourceType type, json::object object);
  void patch(kube::ResourceType type, const std::string& name, json::value body, const std::string& ns = "default");
  void remove(kube::ResourceType type, const std::string& name, const std::string& ns = "default");
  std::vector<json::value> list(kube::ResourceType type);
  void node(const std::string& name, const std::string& machine_id, const std::string& instance = "");
  void pod(const std::string& name, const std::string& node = "node-a", const std::string& label = "app",
           const std::string& ns = "default");
  // With the client ID that Azure knows it by.
  void identity(const std::string& name, const std::string& resource_id, const std::string& ns = "default");
  void identity_with_client(const std::string& name, const std::string& resource_id, const std::string& client_id,
                            const std::string& ns = "default");
  void binding(const std::string& name, const std::string& identity, const std::string& selector = "app",
               const std::string& ns = "default");
  // "name: status", sorted.
  std::vector<std::string> assigned();
  std::vector<std::string> event_messages(const std::string& reason);

  // ---- Azure ----
  // Names of the user-assigned identities of a machine, sorted.
  std::vector<std::string> attached(const std::string& machine_id);
  lab::azure::Machine& machine(const std::string& id) { return azure->world().machines.at(id); }

  // ---- the controller ----
  mic::MicOptions options();
  mic::Mic& start(mic::MicOptions options);
  mic::Mic& start() { return start(options()); }
  void stop(mic::Mic& mic);
  // Nothing of it runs from now on, and nothing is released: what others see of a killed or stalled process.
  void freeze(mic::Mic& mic);
  std::string http_get(std::uint16_t port, const std::string& path);

  // Until `happened`; time goes on while nobody is busy. False after an hour of it.
  bool until(const std::function<bool()>& happened);
  // The task's result; everything else goes on meanwhile.
  template <class T>
  T run(base::Task<T> task) {
    std::optional<T> result;
    base::asio::co_spawn(io, detail::store_result(std::move(task), result), base::asio::detached);
    if (!until([&] { return result.has_value(); })) throw std::runtime_error("the task did not end");
    return std::move(*result);
  }

  base::asio::io_context io;
  FakeClock clock;
  SeededRandom random;
  TemporaryFolder folder;
  std::unique_ptr<lab::apiserver::ApiServer> api;
  std::unique_ptr<lab::azure::AzureSimulator> azure;
  std::unique_ptr<kube::Client> client;
  std::map<std::string, std::string> environment;
  std::vector<std::string> fatal;  // messages
  const lab::azure::LabNames& names = lab::azure::lab_names();

 private:
  struct Process {
    // A loop of its own, so that it can be frozen. The thread is the test's.
    std::unique_ptr<base::asio::io_context> loop = std::make_unique<base::asio::io_context>(1);
    std::unique_ptr<mic::Mic> mic;
    bool frozen = false;
  };
  void define_kinds();
  void start_azure();
  void stop(Process& process);
  std::size_t run_some();

  kube::ClusterConfig cluster_;
  std::string ca_pem_;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace podid::test
