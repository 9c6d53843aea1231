// SPDX-License-Identifier: Apache-2.0
#include "contract/contract_fixture.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "kube/config.hpp"
#include "net/http_client.hpp"

namespace podid::test {
namespace {

constexpr kube::ResourceType kTypesOfTests[] = {kube::kPods, kube::kConfigMaps, kube::kEvents, kube::kLeases,
                                                kube::kEndpoints};

kube::ClusterConfig config_of(const lab::apiserver::ApiServer& server) {
  kube::ClusterConfig config;
  config.server = net::parse_url(server.url()).value();
  config.origin = "the embedded API server";
  return config;
}

}  // namespace

base::Task<base::Result<std::optional<kube::WatchEvent>>> EventStream::next() {
  while (events_.empty()) {
    base::Result<std::string> piece = co_await stream_.read_some(soon());
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return std::optional<kube::WatchEvent>();
    std::vector<kube::WatchEvent> decoded;
    base::Result<> fed = decoder_.feed(*piece, decoded);
    if (!fed) co_return std::unexpected(std::move(fed.error()));
    for (kube::WatchEvent& event : decoded) events_.push_back(std::move(event));
  }
  std::optional<kube::WatchEvent> event = std::move(events_.front());
  events_.pop_front();
  co_return event;
}

Contract::Contract() {
  kube::ClusterConfig config;
  const char* kubeconfig = std::getenv("PODID_CONTRACT_KUBECONFIG");
  if (kubeconfig != nullptr) {
    auto loaded = kube::load_kubeconfig(kubeconfig);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    config = std::move(*loaded);
  } else {
    embedded_ = std::make_unique<lab::apiserver::ApiServer>(io_.get_executor(), clock_, random_,
                                                            lab::apiserver::ApiServerOptions{});
    const auto started = embedded_->start();
    if (!started) throw std::runtime_error(started.error().message);
    config = config_of(*embedded_);
  }
  auto made = kube::Client::make(io_.get_executor(), net::http_over_sockets(clock_), config,
                                 {.user_agent = "podid-contract"}, clock_, random_);
  if (!made) throw std::runtime_error(made.error().message);
  client_ = std::move(*made);
  RecordProperty("server", kubeconfig != nullptr ? kubeconfig : "embedded");
}

void Contract::SetUp() {
  const json::value made =
      ok(client().create(kube::kNamespaces, json::object{{"metadata", {{"generateName", "podid-contract-"}}}}, soon()));
  namespace_ = text_at(made, {"metadata", "name"});
}

Contract::~Contract() {
  if (!namespace_.empty()) remove_namespace();
  client_.reset();
  if (embedded_) run_task(io_, embedded_->stop());
}

// Without a controller manager nobody empties and finishes a namespace but us.
void Contract::remove_namespace() {
  for (const kube::ResourceType& type : kTypesOfTests) {
    for (const std::string& name : names(type)) {
      if (!exists(type, name)) continue;
      patch(type, name, kube::PatchType::merge, json::object{{"metadata", {{"finalizers", nullptr}}}});
      if (exists(type, name)) remove(type, name);
    }
  }
  auto deleted = run_task(io_, client().remove(kube::kNamespaces, {"", namespace_}, {}, soon()));
  auto left = run_task(io_, client().get(kube::kNamespaces, {"", namespace_}, soon()));
  if (!left) return;
  left->as_object()["spec"] = json::object{{"finalizers", json::array()}};
  auto finished = run_task(io_, client().replace(kube::kNamespaces, *left, "finalize", soon()));
  EXPECT_TRUE(finished.has_value()) << "cannot remove namespace " << namespace_;
}

json::object Contract::object(std::string_view name, json::object members) const {
  json::object metadata{{"name", name}, {"namespace", namespace_}};
  if (const json::value* more = members.if_contains("metadata")) {
    for (const auto& [field, value] : more->as_object()) metadata[field] = value;
  }
  members["metadata"] = std::move(metadata);
  return members;
}

json::object Contract::pod(std::string_view name, json::object labels, std::string_view node) const {
  json::object spec{{"containers", json::array{json::object{{"name", "main"}, {"image", "example/image:1"}}}}};
  if (!node.empty()) spec["nodeName"] = node;
  return object(name, {{"metadata", {{"labels", std::move(labels)}}}, {"spec", std::move(spec)}});
}

json::object Contract::config_map(std::string_view name, json::object data) const {
  return object(name, {{"data", std::move(data)}});
}

json::value Contract::patch(ResourceType type, std::string_view name, kube::PatchType kind, json::value body,
                            std::string_view subresource) {
  kube::Patch change;
  change.type = kind;
  change.body = std::move(body);
  change.subresource = subresource;
  if (kind == kube::PatchType::apply) change.field_manager = "podid-contract";
  return ok(client().patch(type, key(name), std::move(change), soon()));
}

void Contract::remove(ResourceType type, std::string_view name) {
  ok(client().remove(type, key(name), {.grace_period_seconds = 0}, soon()));
}

bool Contract::exists(ResourceType type, std::string_view name) {
  return run_task(io_, client().get(type, key(name), soon())).has_value();
}

std::vector<std::string> Contract::names(ResourceType type, kube::ListOptions options) {
  if (options.ns.empty()) options.ns = namespace_;
  const json::value list = ok(client().list(type, std::move(options), soon()));
  std::vector<std::string> found;
  for (const json::value& item : list.at("items").as_array()) found.emplace_back(text_at(item, {"metadata", "name"}));
  return found;
}

std::string Contract::list_version(ResourceType type) {
  return std::string(text_at(ok(client().list(type, {.ns = namespace_}, soon())), {"metadata", "resourceVersion"}));
}

EventStream Contract::watch(ResourceType type, std::string_view version, kube::WatchOptions options) {
  if (options.ns.empty()) options.ns = namespace_;
  options.resource_version = version;
  return EventStream(ok(client().watch(type, std::move(options), soon())));
}

std::string Contract::next(EventStream& stream) {
  while (true) {
    const std::optional<kube::WatchEvent> event = ok(stream.next());
    if (!event) return "END";
    const std::string name(text_at(event->object, {"metadata", "name"}));
    switch (event->type) {
      case kube::WatchEvent::Type::added:
        return "ADDED " + name;
      case kube::WatchEvent::Type::modified:
        return "MODIFIED " + name;
      case kube::WatchEvent::Type::deleted:
        return "DELETED " + name;
      case kube::WatchEvent::Type::bookmark:
        break;
    }
  }
}

std::string Contract::forgotten_version() {
  if (embedded_ == nullptr) return "1";
  const json::value made = create(kube::kConfigMaps, config_map("forgotten"));
  patch(kube::kConfigMaps, "forgotten", kube::PatchType::merge, {{"data", {{"a", "b"}}}});
  embedded_->compact();
  return std::string(text_at(made, {"metadata", "resourceVersion"}));
}

json::value Contract::get_path(std::string target, std::string_view accept) {
  net::Request request;
  request.target = std::move(target);
  request.headers.set("Accept", accept);
  const net::Response response = ok(client().send(std::move(request), soon()));
  return kube::parse_json(response.body, "the answer").value();
}

}  // namespace podid::test
