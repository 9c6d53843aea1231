// SPDX-License-Identifier: Apache-2.0
// A model API server and a client of it on one thread.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "kube/client.hpp"
#include "net/http_client.hpp"
#include "support/fake_clock.hpp"
#include "support/model_server.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/soon.hpp"

namespace podid::test {

template <class ClockType>
class KubeFixture : public ::testing::Test {
 protected:
  KubeFixture() : server(io.get_executor()), client(make_client(config())) {}
  ~KubeFixture() override {
    end_faults();
    client.reset();
    run_task(io, server.stop());
  }

  kube::ClusterConfig config() const {
    kube::ClusterConfig config;
    config.server = net::parse_url(server.url()).value();
    config.origin = "test";
    return config;
  }
  std::unique_ptr<kube::Client> make_client(const kube::ClusterConfig& config, kube::ClientOptions options = {}) {
    auto made =
        kube::Client::make(io.get_executor(), net::http_over_sockets(clock), config, std::move(options), clock, random);
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }
  // Hooks refer to variables of the test's body: whoever goes on with requests after it calls this first.
  void end_faults() {
    server.intercept = nullptr;
    server.hold = nullptr;
    server.watch_budget = nullptr;
  }
  template <class T>
  T await(base::Task<T> task) {
    return run_task(io, std::move(task));
  }
  void await(base::Task<> task) { run_task(io, std::move(task)); }
  bool until(const std::function<bool()>& happened) { return run_until(io, happened); }

  base::asio::io_context io{1};
  ClockType clock;
  SeededRandom random;
  ModelServer server;
  std::unique_ptr<kube::Client> client;
};

}  // namespace podid::test
