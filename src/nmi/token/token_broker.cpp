// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_broker.hpp"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <optional>

#include "base/event.hpp"

namespace podid::nmi {
namespace {

struct Reply {
  explicit Reply(base::Executor executor) : arrived(executor) {}
  base::Event arrived;
  std::optional<TokenResult> result;
  TokenCache::Waiter waiter;  // the control thread's
};

}  // namespace

base::Task<TokenResult> TokenBroker::get(TokenWant want) {
  const base::Executor caller = co_await base::asio::this_coro::executor;
  const auto reply = std::make_shared<Reply>(caller);
  base::asio::post(control_, [this, caller, reply, want = std::move(want)]() mutable {
    reply->waiter = cache_.get(std::move(want), [caller, reply](const TokenResult& result) {
      base::asio::post(caller, [reply, result] {
        reply->result = result;
        reply->arrived.notify();
      });
    });
  });
  try {
    co_await reply->arrived.wait();
  } catch (const boost::system::system_error&) {  // the client has left
    base::asio::post(control_, [this, reply] { cache_.leave(reply->waiter); });
    throw;
  }
  co_return std::move(*reply->result);
}

}  // namespace podid::nmi
