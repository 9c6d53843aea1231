// SPDX-License-Identifier: Apache-2.0
#include "mic/control/controller_fixture.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/model/naming.hpp"

namespace podid::test {

std::string identity_id(std::string_view name) {
  return fmt::format(
      "/subscriptions/sub/resourcegroups/ids/providers/microsoft.managedidentity/userassignedidentities/{}", name);
}
std::string vm(std::string_view name) {
  return fmt::format("/subscriptions/sub/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm-{}", name);
}
std::string vmss() {
  return "/subscriptions/sub/resourcegroups/rg/providers/microsoft.compute/virtualmachinescalesets/set";
}

ControllerFixture::ControllerFixture() {
  options.writes_per_target = 20;
  options.full_pass_interval = std::chrono::hours(1);
  options.azure.max_parallel = 16;
  options.azure.timing = {.max_age = std::chrono::minutes(3),
                          .first_retry = std::chrono::seconds(5),
                          .last_retry = std::chrono::minutes(10),
                          .first_bad_delay = std::chrono::minutes(1),
                          .last_bad_delay = std::chrono::minutes(60)};
}

ControllerFixture::~ControllerFixture() { stop(); }

void ControllerFixture::make_controller() {
  controller = std::make_unique<mic::Controller>(
      options,
      mic::ControllerDependencies{.executor = io.get_executor(),
                                  .clock = clock,
                                  .random = random,
                                  .zones = zones_here.lookup(),
                                  .assigned = api,
                                  .identities = azure,
                                  .record = [this](kube::EventKey event) { events.push_back(std::move(event)); },
                                  .on_access = [](const core::ObjectKey&) {},
                                  .metrics = metrics});
}

void ControllerFixture::tell_everything() {
  for (const auto& [key, identity] : identities_) controller->put(identity);
  for (const auto& [key, binding] : bindings_) controller->put(binding);
  for (const auto& [key, node] : nodes_) controller->put(node);
  for (const auto& [key, pod] : pods_) controller->put(std::make_shared<const core::Pod>(pod));
  for (const auto& [key, assigned] : api.objects()) controller->put(assigned);
}

void ControllerFixture::start() {
  make_controller();
  tell_everything();
  controller->start();
}

base::Task<> ControllerFixture::stop_controller() {
  controller->cancel();
  azure.release();
  co_await controller->drain();
}

void ControllerFixture::stop() {
  if (!controller) return;
  run_task(io, stop_controller());
  controller.reset();
  io.restart();
  io.poll();
}

void ControllerFixture::restart() {
  stop();
  while (api.next_event()) {
  }
  start();
}

bool ControllerFixture::deliver_one() {
  if (!deliver_watch) return false;
  auto event = api.next_event();
  if (!event) return false;
  if (event->deleted) {
    controller->erase(*event->object);
  } else {
    controller->put(event->object);
  }
  return true;
}

void ControllerFixture::run() {
  io.restart();
  io.poll();
}

void ControllerFixture::settle() {
  do {
    run();
  } while (deliver_one());
}

void ControllerFixture::advance(base::Duration time) {
  clock.advance(time);
  settle();
}

void ControllerFixture::node(const std::string& name, const std::string& provider_id) {
  core::Node node;
  node.name = name;
  node.provider_id = provider_id;
  nodes_[name] = node;
  if (controller) controller->put(node);
}

void ControllerFixture::vm_node(const std::string& name) { node(name, fmt::format("{}{}", kVmNode, name)); }

void ControllerFixture::vmss_node(const std::string& name) {
  node(name, fmt::format("{}{}", kVmssNode, nodes_.size()));
}

void ControllerFixture::remove_node(const std::string& name) {
  nodes_.erase(name);
  if (controller) controller->erase_node(name);
}

void ControllerFixture::pod(PodSpec spec) {
  core::Pod pod;
  pod.name = spec.name;
  pod.ns = spec.ns;
  pod.uid = spec.uid.empty() ? "uid-" + spec.ns + "-" + spec.name : spec.uid;
  pod.labels.emplace(core::kBindingLabel, spec.label);
  pod.node_name = spec.node;
  pod.phase = spec.phase;
  pods_[pod.key().text()] = pod;
  if (controller) controller->put(std::make_shared<const core::Pod>(std::move(pod)));
}

void ControllerFixture::remove_pod(const std::string& name, const std::string& ns) {
  pods_.erase(ns + "/" + name);
  if (controller) controller->erase_pod({.ns = ns, .name = name});
}

void ControllerFixture::identity(const std::string& name, const std::string& resource, const std::string& client,
                                 core::IdentityType type, const std::string& ns) {
  core::AzureIdentity identity;
  identity.meta.name = name;
  identity.meta.ns = ns;
  identity.meta.uid = "uid-identity-" + name;
  identity.meta.resource_version = next_version();
  identity.type = type;
  identity.resource_id =
      core::ResourceId(resource.starts_with("/") || resource.empty() ? resource : identity_id(resource));
  identity.client_id = core::ClientId(client.empty() ? "client-" + resource : client);
  identities_[identity.meta.key().text()] = identity;
  if (controller) controller->put(std::move(identity));
}

void ControllerFixture::remove_identity(const std::string& name, const std::string& ns) {
  identities_.erase(ns + "/" + name);
  if (controller) controller->erase_identity({.ns = ns, .name = name});
}

void ControllerFixture::binding(const std::string& name, const std::string& identity, const std::string& selector,
                                const std::string& ns, std::optional<core::Access> access) {
  core::AzureIdentityBinding binding;
  binding.meta.name = name;
  binding.meta.ns = ns;
  binding.meta.uid = "uid-binding-" + name;
  binding.meta.resource_version = next_version();
  binding.azure_identity = identity;
  binding.selector = selector;
  binding.access = std::move(access);
  bindings_[binding.meta.key().text()] = binding;
  if (controller) controller->put(std::move(binding));
}

void ControllerFixture::remove_binding(const std::string& name, const std::string& ns) {
  bindings_.erase(ns + "/" + name);
  if (controller) controller->erase_binding({.ns = ns, .name = name});
}

void ControllerFixture::usual_cluster() {
  vm_node("node-a");
  identity("id", "one");
  binding("b", "id");
}

std::vector<std::string> ControllerFixture::event_messages() const {
  std::vector<std::string> messages;
  for (const kube::EventKey& event : events) messages.push_back(event.message);
  return messages;
}

std::vector<std::string> ControllerFixture::event_messages(std::string_view reason) const {
  std::vector<std::string> messages;
  for (const kube::EventKey& event : events) {
    if (event.reason == reason) messages.push_back(event.message);
  }
  return messages;
}

}  // namespace podid::test
