// SPDX-License-Identifier: Apache-2.0
// HTTP without sockets: requests go to functions of the test, answers come when the test gives them.
#pragma once
#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "net/http_transport.hpp"

namespace podid::test {

// One thread. Outlives the transports that it made.
class MemoryNetwork {
  struct State;

 public:
  // A request at its server, which answers it at once or later. Shared with the client, which may be gone.
  class Exchange {
   public:
    const net::Request& request() const { return state_->request; }
    // The head, then the body in pieces, then its regular end or a connection that breaks off.
    void begin(int status, net::Headers headers = {}) {
      state_->status = status;
      state_->headers = std::move(headers);
      state_->changed.cancel();
    }
    void write(std::string piece) {
      state_->pieces.push_back(std::move(piece));
      state_->changed.cancel();
    }
    void end() {
      state_->ended = true;
      state_->changed.cancel();
    }
    void break_off() {
      state_->broken = true;
      state_->changed.cancel();
    }
    void answer(int status, std::string body, net::Headers headers = {}) {
      if (!body.empty()) state_->pieces.push_back(std::move(body));
      state_->ended = true;
      begin(status, std::move(headers));
    }
    // The client has given up or closed the stream.
    bool abandoned() const { return state_->abandoned; }

   private:
    friend class MemoryNetwork;
    explicit Exchange(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };
  using Server = std::function<void(Exchange exchange)>;

  explicit MemoryNetwork(base::Clock& clock) : clock_(clock) {}

  // Who answers at that "host:port". Nobody: the connection is refused.
  void attach(const std::string& authority, Server server) { servers_[authority] = std::move(server); }
  void detach(const std::string& authority) { servers_.erase(authority); }

  std::unique_ptr<net::HttpTransport> connect(base::Executor executor, net::HttpClientOptions options = {}) {
    return std::make_unique<Transport>(*this, executor, std::move(options));
  }
  net::HttpTransportFactory transports() {
    return [this](base::Executor executor,
                  net::HttpClientOptions options) -> base::Result<std::unique_ptr<net::HttpTransport>> {
      return connect(executor, std::move(options));
    };
  }

 private:
  struct State {
    State(base::Executor executor, base::Clock& clock)
        : changed(executor, base::SteadyTime::max()), timer(clock.make_timer(executor)) {}
    net::Request request;
    std::optional<int> status;
    net::Headers headers;
    std::deque<std::string> pieces;
    bool ended = false;
    bool broken = false;
    bool abandoned = false;
    bool expired = false;
    base::SteadyTimer changed;  // never expires; cancelled to wake the client
    std::unique_ptr<base::Timer> timer;
  };

  // Until `there()` or the deadline.
  static base::Task<base::Result<>> wait(std::shared_ptr<State> state, net::Deadline deadline,
                                         std::function<bool()> there, std::string during) {
    state->expired = false;
    if (!deadline.is_never()) {
      state->timer->set(deadline.time(), [state = state.get()] {
        state->expired = true;
        state->changed.cancel();
      });
    }
    while (!there() && !state->broken && !state->expired) {
      const auto [error] = co_await state->changed.async_wait(base::as_result);
      static_cast<void>(error);  // always operation_aborted; a cancelled task is told by its next wait
    }
    state->timer->cancel();
    if (there()) co_return base::Result<>{};
    if (state->broken) co_return base::fail(base::ErrorKind::unavailable, "the peer closed the connection");
    co_return base::fail(base::ErrorKind::timeout, "timed out while " + during);
  }

  class Body final : public net::ResponseBody {
   public:
    explicit Body(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Body() override { state_->abandoned = !state_->ended || !state_->pieces.empty(); }

    base::Task<base::Result<std::string>> read_some(net::Deadline deadline) override {
      if (failure_) co_return std::unexpected(*failure_);
      auto arrived = co_await wait(
          state_, deadline, [state = state_] { return !state->pieces.empty() || state->ended; }, "reading the answer");
      if (!arrived) {
        failure_ = arrived.error();
        co_return std::unexpected(arrived.error());
      }
      if (state_->pieces.empty()) co_return std::string();
      std::string piece = std::move(state_->pieces.front());
      state_->pieces.pop_front();
      co_return piece;
    }

   private:
    std::shared_ptr<State> state_;
    std::optional<base::Error> failure_;
  };

  class Transport final : public net::HttpTransport {
   public:
    Transport(MemoryNetwork& network, base::Executor executor, net::HttpClientOptions options)
        : network_(network), executor_(executor), options_(std::move(options)) {}

    base::Task<base::Result<net::ResponseStream>> open(net::Url origin, net::Request request,
                                                       net::Deadline deadline) override {
      const std::string authority = fmt::format("{}:{}", origin.host, origin.port);
      const auto at = network_.servers_.find(authority);
      if (at == network_.servers_.end()) {
        co_return base::fail(base::ErrorKind::unavailable, "cannot connect to " + authority);
      }
      const auto state = std::make_shared<State>(executor_, network_.clock_);
      state->request = std::move(request);
      if (!options_.user_agent.empty() && !state->request.headers.find("User-Agent")) {
        state->request.headers.add("User-Agent", options_.user_agent);
      }
      at->second(Exchange(state));
      auto body = std::make_unique<Body>(state);  // gives up where no answer comes
      auto begun =
          co_await wait(state, deadline, [state] { return state->status.has_value(); }, "waiting for the answer");
      if (!begun) co_return std::unexpected(begun.error());
      co_return net::ResponseStream(*state->status, state->headers, std::move(body));
    }

    base::Task<base::Result<net::ResponseStream>> open(net::Url origin, net::Request request, net::BodySource& body,
                                                       net::Deadline deadline) override {
      request.body.clear();
      for (;;) {
        auto piece = co_await body.read_some(deadline);
        if (!piece) co_return std::unexpected(piece.error());
        if (piece->empty()) break;
        request.body += *piece;
      }
      auto stream = co_await open(std::move(origin), std::move(request), deadline);
      co_return stream;
    }

    std::size_t max_body_bytes() const override { return options_.max_body_bytes; }

   private:
    MemoryNetwork& network_;
    const base::Executor executor_;
    const net::HttpClientOptions options_;
  };

  base::Clock& clock_;
  std::map<std::string, Server> servers_;
};

}  // namespace podid::test
