// SPDX-License-Identifier: Apache-2.0
// What we rely on in a Kubernetes API server, checked against any server: the one that PODID_CONTRACT_KUBECONFIG
// names, else the lab's embedded one in this process. Where the two differ, the embedded one is wrong.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "kube/client.hpp"
#include "kube/watch_decoder.hpp"
#include "lab/apiserver/api_server.hpp"
#include "support/run_task.hpp"
#include "support/soon.hpp"

namespace podid::test {

namespace json = boost::json;
using base::text_at;
using kube::ObjectKey;
using kube::ResourceType;

// An open watch, read event by event.
class EventStream {
 public:
  explicit EventStream(net::ResponseStream stream) : stream_(std::move(stream)) {}
  // The next event; nothing at the regular end.
  base::Task<base::Result<std::optional<kube::WatchEvent>>> next();

 private:
  net::ResponseStream stream_;
  kube::WatchDecoder decoder_;
  std::deque<kube::WatchEvent> events_;
};

// Every test has a namespace of its own on the server, and leaves nothing there.
class Contract : public ::testing::Test {
 protected:
  Contract();
  ~Contract() override;
  void SetUp() override;

  // Waits for an answer that has to be a success.
  template <class T>
  T ok(base::Task<base::Result<T>> call) {
    base::Result<T> result = run_task(io_, std::move(call));
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
  }
  // Waits for an answer that has to be a refusal.
  template <class T>
  base::Error refused(base::Task<base::Result<T>> call) {
    base::Result<T> result = run_task(io_, std::move(call));
    if (result) throw std::runtime_error("the server did not refuse");
    return std::move(result.error());
  }
  void await(base::Task<> task) { run_task(io_, std::move(task)); }
  bool until(const std::function<bool()>& happened) { return run_until(io_, happened); }

  kube::Client& client() { return *client_; }
  const std::string& ns() const { return namespace_; }
  ObjectKey key(std::string_view name) const { return {namespace_, std::string(name)}; }

  // An object of this test's namespace with a name and more members.
  json::object object(std::string_view name, json::object members = {}) const;
  json::object pod(std::string_view name, json::object labels = {}, std::string_view node = {}) const;
  json::object config_map(std::string_view name, json::object data = {}) const;
  json::value create(ResourceType type, json::object made) {
    return ok(client().create(type, std::move(made), soon()));
  }
  json::value get(ResourceType type, std::string_view name) { return ok(client().get(type, key(name), soon())); }
  json::value patch(ResourceType type, std::string_view name, kube::PatchType kind, json::value body,
                    std::string_view subresource = {});
  void remove(ResourceType type, std::string_view name);
  bool exists(ResourceType type, std::string_view name);
  // Names in the order of the list.
  std::vector<std::string> names(ResourceType type, kube::ListOptions options = {});
  std::string list_version(ResourceType type);
  EventStream watch(ResourceType type, std::string_view version, kube::WatchOptions options = {});
  // "ADDED name", "MODIFIED name" ...; bookmarks are skipped. "END" at the regular end.
  std::string next(EventStream& stream);
  // A version from before the definition of any custom resource, which the server has forgotten for those.
  std::string forgotten_version();
  // Any GET: path with query, and the media types that are accepted.
  json::value get_path(std::string target, std::string_view accept = "application/json");

 private:
  void remove_namespace();

 protected:
  base::asio::io_context io_{1};
  base::RealClock clock_;
  base::SystemRandom random_;

 private:
  std::unique_ptr<lab::apiserver::ApiServer> embedded_;
  std::unique_ptr<kube::Client> client_;
  std::string namespace_;
};

}  // namespace podid::test
