// SPDX-License-Identifier: Apache-2.0
// Tokens by (credential, resource): fetched once however many ask, refreshed ahead, served while they are valid.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log_budget.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "base/token_bucket.hpp"
#include "nmi/token/token_source.hpp"
#include "nmi/token/token_text.hpp"

namespace podid::nmi {

// A token in the cache, with its times. Shared by all threads; only the marks change.
struct CachedToken {
  explicit CachedToken(const std::vector<azure::AccessToken>& tokens) : text(tokens) {}

  TokenText text;
  std::string uti;  // the token's unique identifier and object ID, as it says itself; empty where it does not
  std::string oid;
  base::WallTime refresh_at;  // from then on somebody should ask for a new one, and this one still serves
  base::WallTime stale_at;    // from then on it serves only when no new one is to be had
  bool fresh(base::WallTime now) const { return now < stale_at; }
  bool wants_refresh(base::WallTime now) const { return now >= refresh_at; }
  bool valid(base::WallTime now) const { return now < text.expiry(); }

  // Set by the cache when another token serves instead, or none: whoever has this one asks the cache.
  void supersede() const { superseded_.store(true, std::memory_order_release); }
  bool superseded() const { return superseded_.load(std::memory_order_acquire); }
  // Told by whoever serves it without asking the cache, so that the cache knows it as in use.
  void mark_used() const {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }
  // Whether it was used since the last call.
  bool take_used() const { return used_.exchange(false, std::memory_order_relaxed); }

 private:
  mutable std::atomic<bool> superseded_{false};
  mutable std::atomic<bool> used_{false};
};
using CachedTokenPtr = std::shared_ptr<const CachedToken>;

struct TokenCacheOptions {
  // A token older than this is fetched anew, so that permission changes show; 0: no limit (NMI-7).
  base::Duration max_age = std::chrono::hours(1);
  base::Duration fetch_timeout = std::chrono::seconds(20);  // NMI-15
  std::size_t max_entries = 4096;
  // In flight, of different keys.
  std::size_t max_fetches = 256;         // that somebody waits for; twice as many, of pods that have none yet
  std::size_t max_fetches_per_pod = 16;  // of these, begun for one pod
  std::size_t max_refreshes = 128;       // of tokens that are still valid: besides these
  // New tokens that one pod can cause to be fetched: so many at once, so many a second after that. Keeps a pod that
  // asks for ever new resources from having the whole node throttled. Rate 0: no limit.
  double pod_burst = 40;
  double pod_rate = 10;
};

// How long less than its life a token must have left to be served without asking for a new one.
inline constexpr std::chrono::minutes kExpiryMargin{5};
// A refusal is remembered so long: a client that repeats at once is not passed on.
inline constexpr std::chrono::seconds kRefusalMemory{1};
// After a failed refresh the next ones are tried after pauses that grow, or later where the endpoint says so.
inline constexpr base::BackoffOptions kRefreshPauses{.initial = std::chrono::seconds(10),
                                                     .limit = std::chrono::seconds(60)};
// Longer after the last pause than this, a failed refresh says nothing any more about the next one.
inline constexpr std::chrono::minutes kOutageMemory{1};

struct TokenWant {
  TokenRequest request;
  std::string pod;           // uid of the pod that asks, for the limit; empty: none
  bool new_token = false;    // bypass_cache or a claims challenge: a cached token does not do
  bool cached_only = false;  // nothing is fetched (the snapshot is too old for new grants)
  CachedTokenPtr known;      // what the asker has for the same request: the cache may have evicted it
};

enum class TokenOrigin { cached, fetched };

struct TokenResult {
  CachedTokenPtr token;  // null: error
  TokenOrigin origin = TokenOrigin::cached;
  base::Error error;
};

// One executor. References outlive it; await stop() before the destructor.
class TokenCache {
 public:
  using Done = std::function<void(const TokenResult&)>;
  // Where somebody waits; number 0: has been answered.
  struct Waiter {
    std::string flight;
    std::uint64_t number = 0;
  };

  TokenCache(base::Executor executor, TokenCacheOptions options, TokenSource& source, base::Clock& clock,
             base::Random& random, base::MetricsRegistry& metrics);

  // Answers through `done`, at once or later, exactly once unless leave() or stop() comes first.
  //
  // A cached token answers while it is fresh. Otherwise one fetch per key is made, whose outcome answers all who
  // wait; when it fails for any reason but a refusal (is_refusal), a cached token that is still valid answers. In such
  // an outage nobody waits again: the cached token answers at once, and fetches are tried behind its back.
  // Errors: the source's; `throttled` with retry_after when a limit is reached; `unavailable` for cached_only without
  // a token. Requests of one pod that bypass the cache begin a second apart: one waits a few seconds for that.
  Waiter get(TokenWant want, Done done);
  // Forgets who waits there, if he still does. The fetch goes on.
  void leave(const Waiter& waiter);

  base::Task<> stop();
  std::size_t size() const { return entries_.size(); }
  std::size_t waiting() const;

 private:
  struct Entry {
    CachedTokenPtr token;
    std::map<std::uint64_t, Done> waiting;  // by number
    bool fetching = false;
    std::optional<base::Backoff> failing;  // while refreshes fail: the pauses between them
    base::SteadyTime next_refresh{};       // not before this
    base::Error refusal;
    base::SteadyTime refused_until{};
    std::list<std::string>::iterator used;  // position in recently_used_
  };
  using Entries = std::unordered_map<std::string, Entry>;
  struct Flight {
    std::string key;          // of the entry where people wait
    std::string store_under;  // the key of those whom the token serves; another one for a challenge
    bool refresh = false;     // of a token that is still valid: nobody's in particular
    std::string pod;          // else: who began it; empty: nobody
    TokenRequest request;
    base::SteadyTime not_before{};
  };
  using Allowances = std::map<std::string, base::TokenBucket>;  // by pod; one that is full again is dropped
  struct Refusal {
    std::string key;
    base::SteadyTime until;
  };

  Entries::iterator find_or_add(const std::string& key);
  // The least recently asked for go first, except what has people waiting and what workers serve on their own.
  void evict(const std::string& newest);
  // A refusal is remembered for a moment, then nothing is left of it.
  void forget_refusals();
  void forget(const std::string& key);
  // Counts a fetch that this pod begins; the error says which limit it is at.
  base::Result<> allow_fetch(const std::string& pod);
  base::Result<> at_limit(std::string_view limit, std::string message);
  bool allow_rate(const std::string& pod);
  // When the pod's next request that bypasses the cache may be made: soon, else the error.
  base::Result<base::SteadyTime> allow_bypass(const std::string& pod);
  // Null: there are too many.
  base::TokenBucket* bucket_of(Allowances& of, const std::string& pod, const base::TokenRate& rate);
  // Puts a token that was evicted back. From then on a refusal or a challenge ends it as any other.
  void adopt(const std::string& key, const CachedTokenPtr& token);
  void start_fetch(Entry& entry, Flight flight);
  base::Task<> fetch(Flight flight);
  // From now on this token serves, or none. Who has the one before is told.
  static void replace(Entry& entry, CachedTokenPtr token);
  // Answers those who wait; `fetched` null: with the error, or with a token that serves still.
  void complete_fetch(const std::string& key, const CachedTokenPtr& fetched, const base::Error& error);
  CachedTokenPtr cached(const std::vector<azure::AccessToken>& tokens) const;

  // constant
  const TokenCacheOptions options_;
  [[no_unique_address]] base::OnExecutor on_executor_;
  TokenSource& source_;
  base::Clock& clock_;
  base::Random& random_;
  base::Gauge* const entries_gauge_;
  base::Family<base::Counter>& refreshes_;
  base::Family<base::Counter>& limit_hits_;
  // state
  Entries entries_;
  std::list<std::string> recently_used_;  // keys, the latest first
  std::deque<Refusal> refusals_;          // the oldest first
  Allowances allowances_;
  Allowances bypasses_;
  std::size_t fetches_ = 0;  // in flight, without refreshes
  std::size_t refreshes_in_flight_ = 0;
  std::unordered_map<std::string, std::size_t> pod_fetches_;  // in flight, by pod
  std::uint64_t last_waiter_ = 0;
  base::LogBudget log_budget_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
