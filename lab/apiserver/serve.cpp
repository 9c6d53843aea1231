// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/serve.hpp"

#include <fmt/format.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <cstdio>

#include "base/file.hpp"
#include "base/task_group.hpp"
#include "lab/apiserver/api_server.hpp"
#include "lab/apiserver/http/authentication.hpp"

namespace podid::lab::apiserver {
namespace {

using Signals = boost::asio::basic_signal_set<base::Executor>;

base::Result<ApiServerOptions> read_options(const ServeOptions& options) {
  ApiServerOptions out{.address = options.address,
                       .port = options.port,
                       .listen_fd = options.listen_fd,
                       .state_file = options.state_file,
                       .limits = options.limits};
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return base::fail(base::ErrorKind::invalid, "TLS needs both a certificate file and a key file");
  }
  if (!options.certificate_file.empty()) {
    auto certificate = base::read_file(options.certificate_file);
    if (!certificate) return base::fail(std::move(certificate.error()), "certificate file");
    auto key = base::read_file(options.key_file);
    if (!key) return base::fail(std::move(key.error()), "key file");
    out.tls = net::TlsServerOptions{.certificate_chain_pem = std::move(*certificate),
                                    .key_pem = base::Secret(std::move(*key))};
  }
  if (!options.token_file.empty()) {
    auto text = base::read_file(options.token_file);
    if (!text) return base::fail(std::move(text.error()), "token file");
    auto tokens = parse_token_file(*text);
    if (!tokens) return base::fail(std::move(tokens.error()), options.token_file);
    if (tokens->empty()) return base::fail(base::ErrorKind::invalid, options.token_file + ": no tokens in it");
    out.tokens = std::move(*tokens);
  }
  return out;
}

base::Task<> serve_until_signal(ApiServer& server, Signals& signals) {
  co_await signals.async_wait(base::use_task);
  co_await server.stop();
}

}  // namespace

base::Result<> run_api_server(const ServeOptions& options) {
  auto read = read_options(options);
  if (!read) return std::unexpected(std::move(read.error()));
  boost::asio::io_context io(1);
  base::RealClock clock;
  base::SystemRandom random;
  ApiServer server(io.get_executor(), clock, random, std::move(*read));
  auto endpoint = server.start();
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  Signals signals(io, SIGTERM, SIGINT);
  const boost::json::object line{
      {"address", endpoint->address().to_string()}, {"port", endpoint->port()}, {"url", server.url()}};
  std::puts(boost::json::serialize(line).c_str());
  std::fflush(stdout);
  base::TaskGroup tasks(io.get_executor());
  tasks.spawn("serve", serve_until_signal(server, signals));
  io.run();
  return {};
}

}  // namespace podid::lab::apiserver
