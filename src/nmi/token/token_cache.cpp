// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_cache.hpp"

#include <algorithm>
#include <utility>

#include "azure/jwt.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/redact.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kMaxAllowances = 1024;  // pods with a fetch in the last seconds: far above a node's pods
constexpr base::TokenRate kBypassRate{.per_second = 1, .burst = 1};
constexpr std::chrono::seconds kLongestBypassWait{3};

// Client capabilities are part of the token. bypass_cache is about how a token is got, claims about which ones were not
// good enough: a token that answers them is as good for everybody.
std::string cache_key(const TokenRequest& request) {
  std::string key;
  append_to_key(key, request.credential->key);  // which has as many parts as it likes
  append_to_key(key, request.resource);
  for (const auto& [name, value] : request.extra) {
    if (name == "xms_cc") append_to_key(key, value);
  }
  return key;
}

// A request that a token in the cache cannot answer gets a fetch of its own, shared by those who ask the very same.
std::string challenge_key(const std::string& key, const TokenRequest& request) {
  std::string challenge = key + "new token";  // no part begins like that
  for (const auto& [name, value] : request.extra) {
    append_to_key(challenge, name);
    append_to_key(challenge, value);
  }
  return challenge;
}

// What a record of its being handed out says of it. A token that is not to be read has no names.
void name_token(CachedToken& cached, const azure::AccessToken& token) {
  constexpr std::size_t kMaxBytes = 64;
  const base::Result<azure::Jwt> jwt = azure::parse_jwt(token.access_token.reveal());
  if (!jwt) return;
  const auto take = [&jwt](std::string& to, std::string_view claim) {
    const std::string_view text = base::text_at(jwt->claims, {claim});
    if (text.size() <= kMaxBytes) to = text;
  };
  take(cached.uti, "uti");
  take(cached.oid, "oid");
}

bool bypasses_cache(const TokenRequest& request) {
  return std::ranges::any_of(request.extra, [](const auto& pair) { return pair.first == "bypass_cache"; });
}

}  // namespace

TokenCache::TokenCache(base::Executor executor, TokenCacheOptions options, TokenSource& source, base::Clock& clock,
                       base::Random& random, base::MetricsRegistry& metrics)
    : options_(options),
      on_executor_(executor),
      source_(source),
      clock_(clock),
      random_(random),
      entries_gauge_(metrics.gauge(base::metric::kNmiTokenCacheEntries).find_or_add()),
      refreshes_(metrics.counter(base::metric::kNmiTokenRefreshes)),
      limit_hits_(metrics.counter(base::metric::kNmiLimitHits)),
      tasks_(executor) {}

base::Task<> TokenCache::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

TokenCache::Entries::iterator TokenCache::find_or_add(const std::string& key) {
  const auto [entry, added] = entries_.try_emplace(key);
  if (added) {
    recently_used_.push_front(key);
    entry->second.used = recently_used_.begin();
    evict(key);
    entries_gauge_->set(static_cast<double>(entries_.size()));
  } else {
    recently_used_.splice(recently_used_.begin(), recently_used_, entry->second.used);
  }
  return entry;
}

void TokenCache::evict(const std::string& newest) {
  // What stays goes to the front, unmarked: after two rounds everything has been looked at without its mark.
  for (std::size_t looks = 2 * entries_.size(); entries_.size() > options_.max_entries && looks > 0; --looks) {
    const auto key = std::prev(recently_used_.end());
    const auto victim = entries_.find(*key);
    const Entry& entry = victim->second;
    if (*key == newest || entry.fetching || (entry.token && entry.token->take_used())) {
      recently_used_.splice(recently_used_.begin(), recently_used_, key);
    } else {
      entries_.erase(victim);
      recently_used_.erase(key);
    }
  }
}

void TokenCache::forget_refusals() {
  while (!refusals_.empty() && refusals_.front().until <= clock_.steady_now()) {
    forget(refusals_.front().key);
    refusals_.pop_front();
  }
}

// Unless there is something to remember.
void TokenCache::forget(const std::string& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end() || entry->second.token || entry->second.fetching ||
      entry->second.refused_until > clock_.steady_now()) {
    return;
  }
  recently_used_.erase(entry->second.used);
  entries_.erase(entry);
  entries_gauge_->set(static_cast<double>(entries_.size()));
}

base::Result<> TokenCache::at_limit(std::string_view limit, std::string message) {
  limit_hits_.increment({limit});
  std::unexpected<base::Error> error = base::fail(base::ErrorKind::throttled, std::move(message));
  error.error().retry_after = std::chrono::seconds(1);
  return error;
}

base::Result<> TokenCache::allow_fetch(const std::string& pod) {
  const auto in_flight = pod_fetches_.find(pod);
  // Those who fill all places keep nobody out who has none.
  const bool first = !pod.empty() && in_flight == pod_fetches_.end();
  if (fetches_ >= (first ? 2 * options_.max_fetches : options_.max_fetches)) {
    return at_limit("fetches", "too many token requests are being served at the moment");
  }
  if (!pod.empty() && in_flight != pod_fetches_.end() && in_flight->second >= options_.max_fetches_per_pod) {
    return at_limit("fetches_per_pod", "too many token requests of this pod are being served at the moment");
  }
  if (!allow_rate(pod)) {
    return at_limit("new_tokens_per_pod", "this pod has asked for too many different tokens in a short time");
  }
  return {};
}

base::TokenBucket* TokenCache::bucket_of(Allowances& of, const std::string& pod, const base::TokenRate& rate) {
  const base::SteadyTime now = clock_.steady_now();
  if (of.size() >= kMaxAllowances && !of.contains(pod)) {
    std::erase_if(of, [&](const auto& allowance) { return allowance.second.full(rate, now); });
    if (of.size() >= kMaxAllowances) return nullptr;
  }
  return &of.try_emplace(pod, rate, now).first->second;
}

bool TokenCache::allow_rate(const std::string& pod) {
  if (pod.empty() || options_.pod_rate <= 0) return true;
  const base::TokenRate rate{.per_second = options_.pod_rate, .burst = options_.pod_burst};
  base::TokenBucket* const bucket = bucket_of(allowances_, pod, rate);
  return bucket != nullptr && bucket->take(rate, clock_.steady_now());
}

base::Result<base::SteadyTime> TokenCache::allow_bypass(const std::string& pod) {
  const base::SteadyTime now = clock_.steady_now();
  if (pod.empty()) return now;
  base::TokenBucket* const bucket = bucket_of(bypasses_, pod, kBypassRate);
  if (bucket == nullptr || bucket->until_taken(kBypassRate, now, 0) > kLongestBypassWait) {
    base::Result<> full = at_limit("bypass_per_pod", "a pod may bypass the cache once a second");
    return std::unexpected(std::move(full.error()));
  }
  return now + bucket->take_ahead(kBypassRate, now);
}

void TokenCache::adopt(const std::string& key, const CachedTokenPtr& token) {
  if (!token || token->superseded() || !token->valid(clock_.wall_now())) return;
  Entry& entry = find_or_add(key)->second;
  if (entry.token) return;
  if (clock_.steady_now() < entry.refused_until) {
    token->supersede();
  } else {
    entry.token = token;
  }
}

TokenCache::Waiter TokenCache::get(TokenWant want, Done done) {
  on_executor_.check();
  const base::WallTime now = clock_.wall_now();
  const base::SteadyTime steady = clock_.steady_now();
  const std::string key = cache_key(want.request);
  forget_refusals();
  adopt(key, want.known);
  const auto answer = [&done](const CachedTokenPtr& token, const base::Error& error) {
    done({token, TokenOrigin::cached, error});
    return Waiter();
  };

  const auto known = entries_.find(key);
  const CachedTokenPtr token = known != entries_.end() ? known->second.token : nullptr;
  const bool has_valid = token && token->valid(now);
  if (want.cached_only) {
    if (has_valid) return answer(token, {});
    return answer(nullptr,
                  base::fail(base::ErrorKind::unavailable,
                             "the API server has not been reachable for too long: no new tokens are handed out")
                      .error());
  }
  if (has_valid) find_or_add(key);  // the most recently used
  const bool refresh = has_valid && !want.new_token;
  Flight flight{want.new_token ? challenge_key(key, want.request) : key, key, refresh, std::move(want.pod),
                std::move(want.request)};
  auto entry = entries_.find(flight.key);
  const bool fetching = entry != entries_.end() && entry->second.fetching;
  if (refresh) {
    Entry& state = entry->second;
    const bool start = !fetching && token->wants_refresh(now) && steady >= state.next_refresh &&
                       refreshes_in_flight_ < options_.max_refreshes;
    const bool outage = state.failing && steady < state.next_refresh + kOutageMemory;
    if (token->fresh(now) || outage || (!fetching && !start)) {
      if (start) start_fetch(state, std::move(flight));
      return answer(token, {});
    }
  } else if (!fetching) {
    if (entry != entries_.end() && steady < entry->second.refused_until) return answer(nullptr, entry->second.refusal);
    const base::Result<> allowed = allow_fetch(flight.pod);
    if (!allowed) return answer(nullptr, allowed.error());
    if (bypasses_cache(flight.request)) {
      const base::Result<base::SteadyTime> begin = allow_bypass(flight.pod);
      if (!begin) return answer(nullptr, begin.error());
      flight.not_before = *begin;
    }
    entry = find_or_add(flight.key);
  }
  Waiter waiter{flight.key, ++last_waiter_};
  entry->second.waiting.emplace(waiter.number, std::move(done));
  if (!fetching) start_fetch(entry->second, std::move(flight));  // may be answered within the call
  return waiter;
}

void TokenCache::leave(const Waiter& waiter) {
  on_executor_.check();
  const auto entry = entries_.find(waiter.flight);
  if (entry != entries_.end()) entry->second.waiting.erase(waiter.number);
}

std::size_t TokenCache::waiting() const {
  std::size_t all = 0;
  for (const auto& [key, entry] : entries_) all += entry.waiting.size();
  return all;
}

void TokenCache::start_fetch(Entry& entry, Flight flight) {
  entry.fetching = true;
  if (flight.refresh) {
    ++refreshes_in_flight_;
  } else {
    ++fetches_;
    ++pod_fetches_[flight.pod];
    flight.request.asker = flight.pod;
  }
  tasks_.spawn("token fetch", fetch(std::move(flight)));
}

base::Task<> TokenCache::fetch(Flight flight) {
  if (flight.not_before > clock_.steady_now()) co_await clock_.sleep_until(flight.not_before);
  const base::WallTime began = clock_.wall_now();
  const base::SteadyTime deadline = clock_.steady_now() + options_.fetch_timeout;
  const std::shared_ptr<const Credential> credential = flight.request.credential;
  const std::string resource = flight.request.resource;
  const base::Result<std::vector<azure::AccessToken>> result =
      co_await source_.fetch(std::move(flight.request), deadline);
  if (flight.refresh) {
    --refreshes_in_flight_;
  } else {
    --fetches_;
    if (--pod_fetches_[flight.pod] == 0) pod_fetches_.erase(flight.pod);
  }
  // Entries that are being fetched are not evicted.
  const Entry& entry = entries_.find(flight.key)->second;
  if (entry.token && entry.token->valid(clock_.wall_now())) refreshes_.increment({result ? "success" : "error"});
  CachedTokenPtr token = result ? cached(*result) : nullptr;
  if (token) {
    Entry& target = find_or_add(flight.store_under)->second;
    // A challenge that came later and was answered before: this token may be the one it complained of.
    const bool overtaken = flight.key == flight.store_under && target.token && target.token->text.received_at() > began;
    if (overtaken) {
      token = target.token;
    } else {
      replace(target, token);
    }
  }
  // Also of a refresh that no request sees.
  if (!token && log_budget_.take(clock_.steady_now())) {
    base::log::warning("a token could not be fetched", {{"resource", resource},
                                                        {"client_id", core::redact(credential->client_id.text())},
                                                        {"identity", credential->identity.text()},
                                                        {"error", result.error()},
                                                        {"suppressed_before", log_budget_.take_suppressed()}});
  }
  complete_fetch(flight.key, token, token ? base::Error() : result.error());
}

void TokenCache::replace(Entry& entry, CachedTokenPtr token) {
  if (entry.token) entry.token->supersede();
  entry.token = std::move(token);
  entry.failing.reset();
  entry.next_refresh = {};
}

void TokenCache::complete_fetch(const std::string& key, const CachedTokenPtr& fetched, const base::Error& error) {
  Entry& state = entries_.find(key)->second;
  const base::SteadyTime steady = clock_.steady_now();
  TokenResult outcome{fetched, TokenOrigin::fetched, error};
  if (!fetched && is_refusal(error)) {
    replace(state, nullptr);
    state.refusal = error;
    state.refused_until = steady + kRefusalMemory;
    refusals_.push_back({key, state.refused_until});
  } else if (!fetched && state.token) {
    if (!state.failing) state.failing.emplace(kRefreshPauses, random_);
    const std::chrono::seconds told = error.retry_after.value_or(std::chrono::seconds(0));
    state.next_refresh =
        steady + std::max(state.failing->next(), std::min<std::chrono::milliseconds>(told, kRefreshPauses.limit));
    if (state.token->valid(clock_.wall_now())) outcome = {state.token, TokenOrigin::cached, {}};
  }
  state.fetching = false;
  // The callbacks may call get() again, which may move entries.
  const std::map<std::uint64_t, Done> waiting = std::exchange(state.waiting, {});
  forget(key);
  for (const auto& [number, done] : waiting) done(outcome);
}

CachedTokenPtr TokenCache::cached(const std::vector<azure::AccessToken>& tokens) const {
  auto token = std::make_shared<CachedToken>(tokens);
  name_token(*token, tokens.front());
  const base::WallTime received = token->text.received_at();
  if (token->text.expiry() == base::WallTime::max()) {
    // Nobody knows how long it lives.
    token->stale_at = token->refresh_at = received;
    return token;
  }
  const base::WallTime::duration life = token->text.expiry() - received;
  const base::WallTime half_life = received + life / 2;
  token->stale_at = token->text.expiry() - std::min<base::WallTime::duration>(kExpiryMargin, life / 2);
  token->refresh_at = std::min(token->text.refresh_wanted().value_or(half_life), token->stale_at);
  if (options_.max_age > base::Duration(0)) {
    const auto max_age = std::chrono::duration_cast<base::WallTime::duration>(options_.max_age);
    token->stale_at = std::min(token->stale_at, received + max_age);
    // Early enough that nobody waits for the new one.
    token->refresh_at = std::min(token->refresh_at, received + max_age * 3 / 4);
  }
  return token;
}

}  // namespace podid::nmi
