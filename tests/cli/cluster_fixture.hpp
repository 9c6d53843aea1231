// SPDX-License-Identifier: Apache-2.0
// Verbs of `podid` as a person runs them, against an API server on another thread.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "cli/cli.hpp"
#include "kube/client.hpp"
#include "lab/apiserver/api_server.hpp"
#include "lab/apiserver/wire/kubeconfig.hpp"
#include "net/http_client.hpp"
#include "support/open_definition.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::cli {

namespace json = boost::json;

class ClusterTest : public ::testing::Test {
 protected:
  // `users`: who may sign in; without any everybody is system:admin.
  explicit ClusterTest(std::vector<std::string> users = {}) : server_options_(options_for(users)) {
    const auto started = server_.start();
    if (!started) throw std::runtime_error(started.error().message);
    for (const std::string& user : users) write_kubeconfig(user, base::Secret("token-of-" + user));
    if (users.empty()) write_kubeconfig("admin", base::Secret());
    become(users.empty() ? "admin" : users.front());
    server_thread_ = std::jthread([this] { server_io_.run(); });
    auto client = kube::Client::make(io_.get_executor(), net::http_over_sockets(clock_),
                                     kube::load_kubeconfig(kubeconfig_).value(), {}, clock_, random_);
    client_ = std::move(client.value());
  }

  ~ClusterTest() override {
    client_.reset();
    base::asio::co_spawn(server_io_, server_.stop(), [this](std::exception_ptr) { server_work_.reset(); });
    server_thread_.join();
  }

  // Whose kubeconfig the following calls have.
  void become(const std::string& user) { kubeconfig_ = folder_.file(user + ".kubeconfig"); }

  void put(kube::ResourceType type, json::object object) {
    const auto made = test::run_task(io_, client_->create(type, std::move(object), net::Deadline::never()));
    ASSERT_TRUE(made.has_value()) << made.error().message;
  }
  std::string uid_of(kube::ResourceType type, const kube::ObjectKey& key) {
    const auto found = test::run_task(io_, client_->get(type, key, net::Deadline::never()));
    return found ? std::string(base::text_at(*found, {"metadata", "uid"})) : found.error().message;
  }
  json::value read(kube::ResourceType type, const kube::ObjectKey& key) {
    auto found = test::run_task(io_, client_->get(type, key, net::Deadline::never()));
    return found ? std::move(*found) : json::value(found.error().message);
  }
  std::vector<json::value> objects(kube::ResourceType type) {
    auto list = test::run_task(io_, client_->list(type, {}, net::Deadline::never()));
    std::vector<json::value> all;
    if (list) {
      for (const json::value& item : list->at("items").as_array()) all.push_back(item);
    }
    return all;
  }
  void define(const std::vector<kube::ResourceType>& types) {
    for (const kube::ResourceType& type : types) put(kube::kCustomResourceDefinitions, test::open_definition(type));
  }
  void define_kinds() {
    define({kube::kAzureIdentities, kube::kAzureIdentityBindings, kube::kAzureAssignedIdentities,
            kube::kAzurePodIdentityExceptions});
  }
  void put_pod(const std::string& ns, const std::string& name) {
    put(kube::kPods,
        {{"metadata", {{"name", name}, {"namespace", ns}, {"labels", {{"aadpodidbinding", "reader"}}}}},
         {"spec",
          {{"nodeName", "node-a"}, {"containers", json::array{json::object{{"name", "main"}, {"image", "none"}}}}}}});
  }

  int podid(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {"--kubeconfig", kubeconfig_});
    const int status = run(all, {.out = out, .err = err, .program = "podid"});
    out_ = out.str();
    err_ = err.str();
    return status;
  }

 private:
  static lab::apiserver::ApiServerOptions options_for(const std::vector<std::string>& users) {
    lab::apiserver::ApiServerOptions options;
    for (const std::string& user : users) options.tokens.push_back({base::Secret("token-of-" + user), user});
    return options;
  }
  void write_kubeconfig(const std::string& user, const base::Secret& token) {
    const std::string path = folder_.file(user + ".kubeconfig");
    if (!base::write_file(path, lab::apiserver::make_kubeconfig(server_.url(), "", token), 0600)) {
      throw std::runtime_error("cannot write " + path);
    }
  }

 protected:
  test::TemporaryFolder folder_;
  base::RealClock clock_;
  base::SystemRandom random_;
  base::SystemRandom server_random_;
  lab::apiserver::ApiServerOptions server_options_;
  base::asio::io_context server_io_{1};
  base::asio::executor_work_guard<base::asio::io_context::executor_type> server_work_{server_io_.get_executor()};
  lab::apiserver::ApiServer server_{server_io_.get_executor(), clock_, server_random_, server_options_};
  std::jthread server_thread_;
  base::asio::io_context io_{1};
  std::unique_ptr<kube::Client> client_;
  std::string kubeconfig_;
  std::string out_;
  std::string err_;
};

}  // namespace podid::cli
