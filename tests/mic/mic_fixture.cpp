// SPDX-License-Identifier: Apache-2.0
#include "mic/mic_fixture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/json.hpp"
#include "lab/azure/tokens/lab_ca.hpp"
#include "net/http_client.hpp"
#include "support/open_definition.hpp"

namespace podid::test {
namespace {

net::Deadline soon() { return net::Deadline::never(); }

std::string name_of(const std::string& id) { return id.substr(id.rfind('/') + 1); }

}  // namespace

MicFixture::MicFixture() = default;

MicFixture::~MicFixture() {
  for (const auto& process : processes_) stop(*process);
  client.reset();
  if (azure) run_task(io, azure->stop());
  if (api) run_task(io, api->stop());
}

void MicFixture::SetUp() {
  api =
      std::make_unique<lab::apiserver::ApiServer>(io.get_executor(), clock, random, lab::apiserver::ApiServerOptions{});
  const auto bound = api->start();
  ASSERT_TRUE(bound.has_value()) << bound.error().message;
  auto url = net::parse_url(api->url());
  ASSERT_TRUE(url.has_value());
  cluster_.server = *url;
  auto made = kube::Client::make(io.get_executor(), net::http_over_sockets(clock), cluster_, {.user_agent = "test"},
                                 clock, random);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  client = std::move(*made);
  define_kinds();
  start_azure();
}

void MicFixture::start_azure() {
  // TLS looks at the machine's own clock.
  const base::WallTime now = base::RealClock().wall_now();
  const auto ca = lab::azure::LabCa::create("mic test", now);
  ASSERT_TRUE(ca.has_value());
  ca_pem_ = ca->certificate_pem();
  const auto server = ca->issue({"127.0.0.1"}, now);
  ASSERT_TRUE(server.has_value()) << server.error().message;
  auto simulator = lab::azure::AzureSimulator::create(
      io.get_executor(), lab::azure::default_world("", "127.0.0.1", "10.0.0.5"), clock, random);
  ASSERT_TRUE(simulator.has_value());
  azure = std::move(*simulator);
  const auto listening =
      azure->listen({.listeners = {{.role = lab::azure::Role::imds, .node = "node-a"},
                                   {.role = lab::azure::Role::entra},
                                   {.role = lab::azure::Role::arm}},
                     .tls = {.certificate_chain_pem = server->certificate_pem, .key_pem = server->key_pem}});
  ASSERT_TRUE(listening.has_value()) << listening.error().message;
  const json::object endpoints{
      {"name", "lab"},
      {"resourceManagerEndpoint", fmt::format("https://{}/", azure->address_of(lab::azure::Role::arm))},
      {"activeDirectoryEndpoint", fmt::format("https://{}/", azure->address_of(lab::azure::Role::entra))},
      {"tokenAudience", "https://management.azure.com/"}};
  ASSERT_TRUE(base::write_file(folder.file("cloud-environment.json"), json::serialize(endpoints)).has_value());
  environment = {{"MIC_POD_NAMESPACE", "default"},
                 {"AZURE_ENVIRONMENT_FILEPATH", folder.file("cloud-environment.json")},
                 {"CLOUD", "AzureStackCloud"},
                 {"TENANT_ID", std::string(lab::azure::kLabTenantId)},
                 {"SUBSCRIPTION_ID", std::string(lab::azure::kLabSubscriptionId)},
                 {"RESOURCE_GROUP", std::string(lab::azure::kLabResourceGroup)},
                 {"CLIENT_ID", names.mic_client_id},
                 {"CLIENT_SECRET", names.mic_secret}};
}

// ---- running ----

std::size_t MicFixture::run_some() {
  io.restart();
  std::size_t ran = io.poll();
  for (const auto& process : processes_) {
    if (process->frozen) continue;
    process->loop->restart();
    ran += process->loop->poll();
  }
  return ran;
}

bool MicFixture::until(const std::function<bool()>& happened) {
  const base::SteadyTime give_up = clock.steady_now() + std::chrono::hours(1);
  const auto really_give_up = std::chrono::steady_clock::now() + kNever;
  while (!happened()) {
    if (run_some() > 0) continue;
    // Nobody is busy. Data that is on its way through the loopback interface arrives within this time.
    io.restart();
    if (io.run_one_for(std::chrono::milliseconds(2)) > 0) continue;
    if (run_some() > 0) continue;
    if (clock.steady_now() > give_up || std::chrono::steady_clock::now() > really_give_up) return false;
    clock.advance(std::chrono::seconds(1));
  }
  return true;
}

mic::MicOptions MicFixture::options() {
  mic::MicOptions options;
  options.ns = "default";
  options.probe_address = "127.0.0.1";
  options.probe_port = 0;
  options.prometheus_port = 0;
  options.leader_election.instance = fmt::format("mic-{}", processes_.size());
  return options;
}

mic::Mic& MicFixture::start(mic::MicOptions options) {
  auto process = std::make_unique<Process>();
  process->mic = std::make_unique<mic::Mic>(
      std::move(options),
      mic::MicDependencies{
          .executor = process->loop->get_executor(),
          .http = net::http_over_sockets(clock),
          .clock = clock,
          .random = random,
          .cluster = cluster_,
          .environment =
              [this](std::string_view name) {
                const auto found = environment.find(std::string(name));
                return found == environment.end() ? std::string() : found->second;
              },
          .host_name = "host",
          .imds_endpoint = fmt::format("http://{}", azure->address_of(lab::azure::Role::imds, "node-a")),
          .azure_ca_pem = ca_pem_,
          .on_fatal = [this](const base::Error& error) { fatal.push_back(error.message); }});
  mic::Mic& mic = *process->mic;
  processes_.push_back(std::move(process));
  const auto started = mic.start();
  EXPECT_TRUE(started.has_value()) << started.error().message;
  return mic;
}

void MicFixture::stop(Process& process) {
  if (!process.mic) return;
  process.frozen = false;
  bool done = false;
  base::asio::co_spawn(*process.loop, process.mic->stop(), [&done](const std::exception_ptr&) { done = true; });
  EXPECT_TRUE(until([&done] { return done; }));
  process.mic.reset();
  process.loop->restart();
  process.loop->poll();
}

void MicFixture::stop(mic::Mic& mic) {
  for (const auto& process : processes_) {
    if (process->mic.get() == &mic) return stop(*process);
  }
}

void MicFixture::freeze(mic::Mic& mic) {
  for (const auto& process : processes_) {
    if (process->mic.get() == &mic) process->frozen = true;
  }
}

std::string MicFixture::http_get(std::uint16_t port, const std::string& path) {
  auto http = net::HttpClient::create(io.get_executor(), clock, {});
  if (!http) return http.error().message;
  auto response =
      run((*http)->send(*net::parse_url(fmt::format("http://127.0.0.1:{}", port)), {.target = path}, soon()));
  return response ? fmt::format("{} {}", response->status, response->body) : response.error().message;
}

// ---- the cluster ----

void MicFixture::define_kinds() {
  for (const kube::ResourceType& type :
       {kube::kAzureIdentities, kube::kAzureIdentityBindings, kube::kAzureAssignedIdentities,
        kube::kAzurePodIdentityExceptions, kube::kAzureIdentityPolicies}) {
    json::object definition = open_definition(type);
    // As in deploy/crds.
    if (type.plural == kube::kAzureIdentityBindings.plural) {
      definition["spec"].at("versions").at(0).as_object()["subresources"] = json::object{{"status", json::object()}};
    }
    put(kube::kCustomResourceDefinitions, std::move(definition));
  }
}

json::value MicFixture::put(kube::ResourceType type, json::object object) {
  auto created = run(client->create(type, json::value(std::move(object)), soon()));
  EXPECT_TRUE(created.has_value()) << created.error().message;
  return created ? std::move(*created) : json::value();
}

void MicFixture::patch(kube::ResourceType type, const std::string& name, json::value body, const std::string& ns) {
  kube::Patch patch;
  patch.body = std::move(body);
  const auto patched =
      run(client->patch(type, {.ns = type.namespaced ? ns : "", .name = name}, std::move(patch), soon()));
  EXPECT_TRUE(patched.has_value()) << patched.error().message;
}

void MicFixture::remove(kube::ResourceType type, const std::string& name, const std::string& ns) {
  kube::RemoveOptions options;
  options.grace_period_seconds = 0;
  const auto removed = run(client->remove(type, {.ns = type.namespaced ? ns : "", .name = name}, options, soon()));
  EXPECT_TRUE(removed.has_value()) << removed.error().message;
}

std::vector<json::value> MicFixture::list(kube::ResourceType type) {
  auto listed = run(client->list(type, {}, soon()));
  EXPECT_TRUE(listed.has_value()) << listed.error().message;
  std::vector<json::value> items;
  if (!listed) return items;
  for (const json::value& item : listed->at("items").as_array()) items.push_back(item);
  return items;
}

void MicFixture::node(const std::string& name, const std::string& machine_id, const std::string& instance) {
  std::string provider_id = "azure://" + machine_id;
  if (!instance.empty()) provider_id += "/virtualMachines/" + instance;
  put(kube::kNodes, {{"metadata", {{"name", name}}}, {"spec", {{"providerID", provider_id}}}});
}

void MicFixture::pod(const std::string& name, const std::string& node, const std::string& label,
                     const std::string& ns) {
  const json::object container{{"name", "main"}, {"image", "example"}};
  put(kube::kPods, {{"metadata", {{"name", name}, {"namespace", ns}, {"labels", {{"aadpodidbinding", label}}}}},
                    {"spec", {{"nodeName", node}, {"containers", json::array{container}}}}});
}

void MicFixture::identity(const std::string& name, const std::string& resource_id, const std::string& ns) {
  const auto& known = azure->world().user_assigned_identities;
  const auto found = known.find(resource_id);
  identity_with_client(name, resource_id, found == known.end() ? "no-client" : found->second.client_id, ns);
}

void MicFixture::identity_with_client(const std::string& name, const std::string& resource_id,
                                      const std::string& client_id, const std::string& ns) {
  put(kube::kAzureIdentities, {{"metadata", {{"name", name}, {"namespace", ns}}},
                               {"spec", {{"type", 0}, {"resourceID", resource_id}, {"clientID", client_id}}}});
}

void MicFixture::binding(const std::string& name, const std::string& identity, const std::string& selector,
                         const std::string& ns) {
  put(kube::kAzureIdentityBindings, {{"metadata", {{"name", name}, {"namespace", ns}}},
                                     {"spec", {{"azureIdentity", identity}, {"selector", selector}}}});
}

std::vector<std::string> MicFixture::assigned() {
  std::vector<std::string> states;
  for (const json::value& object : list(kube::kAzureAssignedIdentities)) {
    states.push_back(fmt::format("{}: {}", base::text_at(object, {"metadata", "name"}),
                                 base::text_at(object, {"status", "status"})));
  }
  std::ranges::sort(states);
  return states;
}

std::vector<std::string> MicFixture::event_messages(const std::string& reason) {
  std::vector<std::string> messages;
  for (const json::value& event : list(kube::kEvents)) {
    if (base::text_at(event, {"reason"}) == reason) messages.emplace_back(base::text_at(event, {"message"}));
  }
  return messages;
}

std::vector<std::string> MicFixture::attached(const std::string& machine_id) {
  std::vector<std::string> ids;
  for (const std::string& id : machine(machine_id).identity.user_assigned) ids.push_back(name_of(id));
  std::ranges::sort(ids);
  return ids;
}

}  // namespace podid::test
