// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/simulator.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "lab/azure/arm/arm_service.hpp"
#include "lab/azure/control_service.hpp"
#include "lab/azure/endpoints.hpp"
#include "lab/azure/entra/entra_service.hpp"
#include "lab/azure/imds/imds_service.hpp"
#include "lab/azure/vault_service.hpp"
#include "net/server/http_server.hpp"

namespace podid::lab::azure {
namespace {

constexpr std::chrono::seconds kBodyTimeout{20};
constexpr std::string_view kGarbage = "\x01\x02<html>{\"not json";

net::ServerLimits server_limits() {
  net::ServerLimits limits;
  limits.max_body_bytes = 4 * 1024 * 1024;  // a world in a control request
  return limits;
}

Call read_call(const net::ServerRequest& request, std::string body) {
  Call call;
  call.method = request.method();
  call.target = request.target();
  request.each_header([&](std::string_view name, std::string_view value) { call.headers.add(name, value); });
  call.body = std::move(body);
  call.peer = request.peer().address().to_string();
  return call;
}

base::Task<> send_half(net::ServerResponse& response, const Reply& reply) {
  response.header("Content-Type", reply.content_type);
  auto started = co_await response.start(reply.status);
  if (!started) co_return;
  auto written = co_await response.write(std::string_view(reply.body).substr(0, reply.body.size() / 2));
  static_cast<void>(written);  // the connection is dropped either way
  response.drop();
}

}  // namespace

class AzureSimulator::Impl {
 public:
  Impl(AzureSimulator& simulator, base::Executor its_executor, World initial, base::Clock& its_clock,
       base::Random& its_random)
      : owner(simulator), executor(its_executor), clock(its_clock), random(its_random), world(std::move(initial)) {}

  base::Result<> prepare() {
    auto made = TokenIssuer::create(clock, random, statistics);
    if (!made) return std::unexpected(made.error());
    issuer.emplace(std::move(*made));
    imds.emplace(world, served, *issuer, clock);
    entra.emplace(world, *issuer, clock, random);
    arm.emplace(world, served, *issuer, clock, random);
    vault.emplace(world, *issuer, statistics);
    return {};
  }

  base::Result<> listen(const ListenerOptions& options, const net::TlsContext& tls) {
    auto door = std::make_unique<Door>(*this, options.role, options.node);
    const bool plain = options.role == Role::imds || options.role == Role::control;
    net::ListenOptions listen_options;
    listen_options.address = options.address;
    listen_options.port = options.port;
    if (!plain) listen_options.tls = tls;
    auto endpoint = door->server.listen(listen_options);
    if (!endpoint) return base::fail(std::move(endpoint.error()), fmt::format("{} listener", to_string(options.role)));
    bound.push_back({.role = options.role, .node = options.node, .endpoint = *endpoint});
    doors.push_back(std::move(door));
    return {};
  }

  base::Task<> stop() {
    for (const auto& door : doors) co_await door->server.stop(net::Deadline::passed());
    doors.clear();
    bound.clear();
  }

  base::Task<> handle(Role role, std::string_view node, net::ServerRequest& request, net::ServerResponse& response);

  AzureSimulator& owner;
  base::Executor executor;
  base::Clock& clock;
  base::Random& random;
  World world;
  ServedIdentities served;
  FaultList faults;
  Statistics statistics;
  std::optional<TokenIssuer> issuer;
  std::optional<ImdsService> imds;
  std::optional<EntraService> entra;
  std::optional<ArmService> arm;
  std::optional<VaultService> vault;
  std::vector<BoundListener> bound;

  // One listener: what it plays, and for which node.
  struct Door final : net::HttpHandler {
    Door(Impl& owner, Role role_played, std::string node_served)
        : impl(owner),
          role(role_played),
          node(std::move(node_served)),
          server(owner.executor, owner.clock, *this, server_limits()) {}
    base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
      return impl.handle(role, node, request, response);
    }
    Impl& impl;
    Role role;
    std::string node;
    net::HttpServer server;
  };

  Reply answer(Role role, std::string_view node, const Call& call) {
    arm->operations().finish_due();
    switch (role) {
      case Role::imds:
        return imds->answer(call, node);
      case Role::entra:
        return entra->answer(call);
      case Role::arm:
        return arm->answer(call);
      case Role::vault:
        return vault->answer(call);
      case Role::control:
        return answer_control(owner, call);
      case Role::azure:
        break;
    }
    return {.status = 421,
            .content_type = "text/plain",
            .body = fmt::format("the simulator does not play the host '{}'\n", call.host())};
  }

  std::vector<std::unique_ptr<Door>> doors;
};

base::Task<> AzureSimulator::Impl::handle(Role role, std::string_view node, net::ServerRequest& request,
                                          net::ServerResponse& response) {
  auto body = co_await request.read_body(net::Deadline::in(clock, kBodyTimeout));
  if (!body) {
    response.send(body.error().http_status == 413 ? 413 : 400, "text/plain", body.error().message);
    co_return;
  }
  Call call = read_call(request, std::move(*body));
  if (!parse_target(call)) {
    response.send(400, "text/plain", "the request target has a bad escape\n");
    co_return;
  }
  if (role == Role::azure) role = role_of_host(call.host()).value_or(Role::azure);
  const std::string endpoint(endpoint_of(role, call));
  // The way to remove a fault is never at fault itself.
  const std::optional<Fault> fault = role == Role::control ? std::nullopt : faults.take(endpoint, call.target);
  if (fault && fault->delay.count() > 0) co_await clock.sleep_for(fault->delay);
  const FaultKind kind = fault ? fault->kind : FaultKind::pass;

  Reply reply;
  if (kind == FaultKind::answer) {
    reply = {
        .status = fault->status, .content_type = fault->content_type, .body = fault->body, .headers = fault->headers};
  } else if (kind == FaultKind::garbage) {
    reply.body = kGarbage;
  } else if (kind == FaultKind::pass || kind == FaultKind::half) {
    reply = answer(role, node, call);
  }
  const bool dropped = kind == FaultKind::reset || kind == FaultKind::hang;
  if (role != Role::control) {
    statistics.record({.endpoint = endpoint,
                       .method = call.method,
                       .target = call.target,
                       .peer = call.peer,
                       .status = dropped ? 0 : reply.status,
                       .body = role == Role::arm ? call.body : std::string()});
  }
  if (kind == FaultKind::hang) co_await clock.sleep_until(base::SteadyTime::max());
  if (dropped) {
    response.drop();
    co_return;
  }
  for (const net::Header& field : reply.headers) response.header(field.name, field.value);
  if (kind == FaultKind::half) {
    co_await send_half(response, reply);
    co_return;
  }
  response.send(reply.status, reply.content_type, reply.body);
}

base::Result<std::unique_ptr<AzureSimulator>> AzureSimulator::create(base::Executor executor, World world,
                                                                     base::Clock& clock, base::Random& random) {
  std::unique_ptr<AzureSimulator> simulator(new AzureSimulator(nullptr));
  simulator->impl_ = std::make_unique<Impl>(*simulator, executor, std::move(world), clock, random);
  if (auto prepared = simulator->impl_->prepare(); !prepared) return std::unexpected(prepared.error());
  return simulator;
}

AzureSimulator::AzureSimulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AzureSimulator::~AzureSimulator() = default;

base::Result<std::vector<BoundListener>> AzureSimulator::listen(const SimulatorOptions& options) {
  net::TlsContext tls;
  if (!options.tls.certificate_chain_pem.empty()) {
    auto context = net::make_server_context(options.tls);
    if (!context) return std::unexpected(context.error());
    tls = std::move(*context);
  }
  const std::size_t before = impl_->bound.size();
  for (const ListenerOptions& listener : options.listeners) {
    const bool plain = listener.role == Role::imds || listener.role == Role::control;
    if (!plain && tls == nullptr) {
      return base::fail(base::ErrorKind::invalid, fmt::format("{} listener: it speaks TLS, and there is no certificate",
                                                              to_string(listener.role)));
    }
    if (auto bound = impl_->listen(listener, tls); !bound) return std::unexpected(bound.error());
  }
  return std::vector<BoundListener>(impl_->bound.begin() + static_cast<std::ptrdiff_t>(before), impl_->bound.end());
}

const std::vector<BoundListener>& AzureSimulator::listeners() const { return impl_->bound; }

std::string AzureSimulator::address_of(Role role, std::string_view node) const {
  for (const BoundListener& bound : impl_->bound) {
    if (bound.role != role || bound.node != node) continue;
    const bool v6 = bound.endpoint.address().is_v6();
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", bound.endpoint.address().to_string(), v6 ? "]" : "",
                       bound.endpoint.port());
  }
  return {};
}

base::Task<> AzureSimulator::stop() { return impl_->stop(); }

World& AzureSimulator::world() {
  impl_->arm->operations().finish_due();
  return impl_->world;
}

void AzureSimulator::replace_world(World world) {
  const World& before = this->world();
  for (const auto& [id, machine] : world.machines) {
    const auto known = before.machines.find(id);
    if (known == before.machines.end() || known->second.identity != machine.identity) impl_->served.cancel(id);
  }
  impl_->world = std::move(world);
}

FaultList& AzureSimulator::faults() { return impl_->faults; }
Statistics& AzureSimulator::statistics() { return impl_->statistics; }
base::Result<> AzureSimulator::rotate_keys() { return impl_->issuer->rotate_keys(); }

void AzureSimulator::fail_operations(std::int64_t count, std::string code, std::string message) {
  impl_->arm->operations().fail_next(count, {.code = std::move(code), .message = std::move(message)});
}

}  // namespace podid::lab::azure
