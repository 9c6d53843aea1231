// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/program.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>

#include "base/file.hpp"
#include "base/log.hpp"
#include "lab/azure/world/json_fields.hpp"
#include "lab/azure/world/world_json.hpp"

namespace podid::lab::azure {

namespace json = boost::json;
namespace asio = base::asio;

namespace {

using Signals = asio::basic_signal_set<base::Executor>;

constexpr std::array<Role, 6> kRoles{Role::imds, Role::azure, Role::entra, Role::arm, Role::vault, Role::control};

ListenerOptions read_listener(const json::value& value, const std::string& path, std::string& problem) {
  ListenerOptions listener;
  JsonFields fields(value, path, problem);
  std::string role;
  fields.read("role", role);
  const auto named = std::ranges::find(kRoles, role, [](Role candidate) { return to_string(candidate); });
  if (named == kRoles.end()) {
    fields.complain("role", "expected imds, azure, entra, arm, vault or control");
  } else {
    listener.role = *named;
  }
  fields.read("address", listener.address);
  std::int64_t port = 0;
  fields.read("port", port, 0, 65'535);
  listener.port = static_cast<std::uint16_t>(port);
  fields.read("node", listener.node);
  fields.refuse_unknown();
  return listener;
}

json::object describe(const std::vector<BoundListener>& listeners) {
  json::array out;
  for (const BoundListener& bound : listeners) {
    out.push_back(json::object{{"role", to_string(bound.role)},
                               {"node", bound.node},
                               {"address", bound.endpoint.address().to_string()},
                               {"port", bound.endpoint.port()}});
  }
  return {{"listeners", std::move(out)}};
}

base::Task<> stop_on_signal(AzureSimulator& simulator, Signals& signals) {
  const auto [error, number] = co_await signals.async_wait(base::as_result);
  static_cast<void>(error);
  static_cast<void>(number);
  co_await simulator.stop();
}

}  // namespace

base::Result<ProgramOptions> read_program_options(const json::value& document) {
  ProgramOptions options;
  std::string problem;
  JsonFields fields(document, "", problem);
  fields.read_array("listeners", [&](const json::value& element, const std::string& where) {
    options.simulator.listeners.push_back(read_listener(element, where, problem));
  });
  if (const json::value* tls = fields.find("tls"); tls != nullptr && !tls->is_null()) {
    JsonFields inner(*tls, "tls", problem);
    std::string key;
    inner.read("certificate_pem", options.simulator.tls.certificate_chain_pem);
    inner.read("key_pem", key);
    options.simulator.tls.key_pem = base::Secret(std::move(key));
    inner.refuse_unknown();
  }
  const json::value* world_document = fields.find("world");
  fields.refuse_unknown();
  if (problem.empty() && world_document == nullptr) problem = "world: missing";
  if (problem.empty() && options.simulator.listeners.empty()) problem = "listeners: at least one is needed";
  if (!problem.empty()) return base::fail(base::ErrorKind::invalid, std::move(problem));
  auto world = read_world(*world_document);
  if (!world) return base::fail(std::move(world.error()), "world");
  options.world = std::move(*world);
  return options;
}

json::object write_program_options(const ProgramOptions& options) {
  json::array listeners;
  for (const ListenerOptions& listener : options.simulator.listeners) {
    listeners.push_back(json::object{{"role", to_string(listener.role)},
                                     {"address", listener.address},
                                     {"port", listener.port},
                                     {"node", listener.node}});
  }
  const net::TlsServerOptions& tls = options.simulator.tls;
  return {{"world", write_world(options.world, SecretValues::shown)},
          {"listeners", std::move(listeners)},
          {"tls", json::object{{"certificate_pem", tls.certificate_chain_pem}, {"key_pem", tls.key_pem.reveal()}}}};
}

int run_azure_simulator(ProgramOptions options, std::ostream& output) {
  asio::io_context io(1);
  base::RealClock clock;
  base::SystemRandom random;
  auto simulator = AzureSimulator::create(io.get_executor(), std::move(options.world), clock, random);
  if (!simulator) {
    base::log::error("cannot make the simulated Azure", {{"error", simulator.error()}});
    return 1;
  }
  const auto bound = (*simulator)->listen(options.simulator);
  if (!bound) {
    base::log::error("the simulated Azure cannot listen", {{"error", bound.error()}});
    return 1;
  }
  Signals signals(io.get_executor(), SIGTERM, SIGINT);
  asio::co_spawn(io, stop_on_signal(**simulator, signals), asio::detached);
  output << json::serialize(describe(*bound)) << std::endl;  // flushed: somebody waits for this line
  io.run();
  return 0;
}

int run_azure_simulator(const std::string& config_path, std::ostream& output) {
  constexpr std::size_t kMaxConfigBytes = 16 * 1024 * 1024;
  const auto text = base::read_file(config_path, kMaxConfigBytes);
  if (!text) {
    base::log::error("cannot read the configuration of the simulated Azure", {{"error", text.error()}});
    return 2;
  }
  boost::system::error_code error;
  const json::value document = json::parse(*text, error);
  if (error) {
    base::log::error("the configuration of the simulated Azure is not JSON",
                     {{"file", config_path}, {"error", error.message()}});
    return 2;
  }
  auto options = read_program_options(document);
  if (!options) {
    base::log::error("the configuration of the simulated Azure is wrong",
                     {{"file", config_path}, {"error", options.error()}});
    return 2;
  }
  return run_azure_simulator(std::move(*options), output);
}

}  // namespace podid::lab::azure
