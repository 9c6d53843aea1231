// SPDX-License-Identifier: Apache-2.0
// The workers' way to the token cache, which lives on the control thread.
#pragma once
#include "base/async.hpp"
#include "nmi/token/token_cache.hpp"

namespace podid::nmi {

// Thread-safe. Every executor that calls, and the control thread's, outlives the broker and the cache.
class TokenBroker {
 public:
  TokenBroker(base::Executor control, TokenCache& cache) : control_(control), cache_(cache) {}

  // TokenCache::get() from any thread. A caller that is cancelled leaves: the fetch goes on for the others.
  base::Task<TokenResult> get(TokenWant want);

 private:
  base::Executor control_;
  TokenCache& cache_;
};

}  // namespace podid::nmi
