// SPDX-License-Identifier: Apache-2.0
#include "net/resolve.hpp"

#include <fmt/format.h>

#include <boost/system/system_error.hpp>
#include <memory>
#include <utility>

#include "base/event.hpp"

namespace podid::net {

namespace asio = base::asio;
using asio::ip::tcp;
using base::ErrorKind;

namespace {

using Resolver = asio::ip::basic_resolver<tcp, base::Executor>;

// Outlives the caller: the system's resolver cannot be interrupted, so its answer may come after the deadline.
struct Lookup {
  explicit Lookup(base::Executor executor) : resolver(executor), ended(executor) {}
  Resolver resolver;
  base::Event ended;  // the answer is there, or the deadline
  bool done = false;
  bool expired = false;
  boost::system::error_code error;
  std::vector<tcp::endpoint> endpoints;
};

}  // namespace

base::Task<base::Result<std::vector<tcp::endpoint>>> resolve(base::Executor executor, base::Clock& clock,
                                                             std::string host, std::uint16_t port, Deadline deadline) {
  boost::system::error_code not_literal;
  const auto address = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return std::vector<tcp::endpoint>{{address, port}};

  const auto lookup = std::make_shared<Lookup>(executor);
  const std::unique_ptr<base::Timer> timer = clock.make_timer(executor);
  if (!deadline.is_never()) {
    timer->set(deadline.time(), [lookup = lookup.get()] {
      lookup->expired = true;
      lookup->ended.notify();
    });
  }
  lookup->resolver.async_resolve(host, std::to_string(port), Resolver::numeric_service,
                                 [lookup](boost::system::error_code error, const Resolver::results_type& results) {
                                   lookup->done = true;
                                   lookup->error = error;
                                   for (const auto& entry : results) lookup->endpoints.push_back(entry.endpoint());
                                   lookup->ended.notify();
                                 });
  try {
    co_await lookup->ended.wait();
  } catch (const boost::system::system_error&) {
    // Cancelled: neither done nor expired.
  }
  if (!lookup->done) {
    if (!lookup->expired) co_return base::fail(ErrorKind::cancelled, "cancelled");
    co_return base::fail(ErrorKind::timeout, fmt::format("cannot resolve {}: no answer in time", host));
  }
  if (lookup->error || lookup->endpoints.empty()) {
    co_return base::fail(
        ErrorKind::unavailable,
        fmt::format("cannot resolve {}: {}", host, lookup->error ? lookup->error.message() : "it has no address"));
  }
  co_return std::move(lookup->endpoints);
}

}  // namespace podid::net
