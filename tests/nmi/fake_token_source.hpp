// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "nmi/token/token_source.hpp"
#include "support/token_builders.hpp"

namespace podid::test {

// Gives what `answer` says, when the gate is open.
class FakeTokenSource final : public nmi::TokenSource {
 public:
  using Answer = base::Result<std::vector<azure::AccessToken>>;

  FakeTokenSource(base::Executor executor, base::Clock& clock)
      : answer([this](const nmi::TokenRequest& request) { return token_for(request); }),
        clock_(clock),
        gate_(executor, base::SteadyTime::max()) {}

  base::Task<Answer> fetch(nmi::TokenRequest request, base::SteadyTime) override {
    requests.push_back(request);
    if (closed) {
      const auto [error] = co_await gate_.async_wait(base::as_result);
      static_cast<void>(error);
    }
    co_return answer(request);
  }

  // "<n>-th token for <resource>", an hour long unless changed.
  Answer token_for(const nmi::TokenRequest& request) const {
    azure::AccessToken token = make_token("token-" + std::to_string(requests.size()), lifetime, clock_.wall_now());
    token.resource = request.resource;
    return std::vector{token};
  }
  void open() {
    closed = false;
    gate_.cancel();
  }

  std::function<Answer(const nmi::TokenRequest&)> answer;
  std::vector<nmi::TokenRequest> requests;
  std::int64_t lifetime = 86400;
  bool closed = false;

 private:
  base::Clock& clock_;
  base::SteadyTimer gate_;
};

}  // namespace podid::test
