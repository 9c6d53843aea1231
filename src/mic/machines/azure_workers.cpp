// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/azure_workers.hpp"

#include <algorithm>
#include <utility>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "mic/machines/limits.hpp"

namespace podid::mic {
namespace {

azure::AzureResource collection_of(const azure::AzureResource& resource) {
  azure::AzureResource collection = resource;
  collection.name.clear();
  return collection;
}

}  // namespace

AzureWorkers::AzureWorkers(base::Executor executor, base::Clock& clock, base::Random& random, IdentityApi& api,
                           AzureWorkersOptions options, AzureWorkersOwner& owner)
    : clock_(clock),
      random_(random),
      api_(api),
      options_(options),
      owner_(owner),
      next_pump_(executor, [this] { pump(); }),
      alarm_(executor, clock, [this] { wake(); }),
      tasks_(executor) {}

AzureTarget& AzureWorkers::find_or_add(const core::ComputeTarget& target) {
  std::string key = target.key();
  std::unique_ptr<AzureTarget>& found = targets_[key];
  if (!found) {
    found = std::make_unique<AzureTarget>(target, options_.timing);
    collections_[collection_of(found->resource()).key()].targets.insert(key);
    // A controller that starts looks at all resources within one interval, not all at once.
    const auto delay = std::chrono::duration_cast<base::Duration>(options_.timing.max_age * random_.unit());
    found->set_next_repair(clock_.steady_now() + delay);
  }
  return *found;
}

void AzureWorkers::set_waits(const std::string& pod, const std::vector<Wait>& waits) {
  if (const auto before = waiting_in_.find(pod); before != waiting_in_.end()) {
    for (const std::string& key : before->second) {
      const auto target = targets_.find(key);
      if (target == targets_.end()) continue;
      target->second->forget_pod(pod);
      // It may have been the cause.
      if (target->second->waiting_to_retry(clock_.steady_now())) poke(key);
    }
    waiting_in_.erase(before);
  }
  for (const Wait& wait : waits) {
    AzureTarget& target = find_or_add(wait.target);
    if (wait.what == Wait::For::attached) {
      target.wait_attached(wait.identity, pod, wait.ns);
    } else {
      target.wait_absent(wait.identity, pod);
    }
    waiting_in_[pod].insert(target.key());
    poke(target.key());
  }
}

void AzureWorkers::watch(const core::ComputeTarget& target) {
  if (targets_.contains(target.key())) return;
  poke(find_or_add(target).key());
}

void AzureWorkers::poke(const std::string& target) {
  dirty_.try_emplace(target, clock_.steady_now());
  request_pump();
}

void AzureWorkers::resume() {
  if (!dirty_.empty()) request_pump();
}

bool AzureWorkers::attached(std::string_view target, std::string_view identity) const {
  const auto found = targets_.find(target);
  return found != targets_.end() && found->second->attached(identity, clock_.steady_now());
}

bool AzureWorkers::absent(std::string_view target, std::string_view identity) const {
  const auto found = targets_.find(target);
  return found != targets_.end() && found->second->absent(identity);
}

std::string_view AzureWorkers::client_id(std::string_view target, std::string_view identity) const {
  const auto found = targets_.find(target);
  return found == targets_.end() ? std::string_view() : found->second->client_id(identity);
}

bool AzureWorkers::last_change_failed(std::string_view target) const {
  const auto found = targets_.find(target);
  return found != targets_.end() && found->second->last_change_failed();
}

void AzureWorkers::stop() {
  stopping_ = true;
  alarm_.set(std::nullopt);
}

// Pumping is put off to the next turn of the event loop, so that the waits of many pods come together.
void AzureWorkers::request_pump() {
  if (!stopping_) next_pump_.request();
}

void AzureWorkers::pump() {
  if (stopping_) return;
  for (const auto& [key, since] : std::exchange(dirty_, {})) {
    const auto found = targets_.find(key);
    if (found == targets_.end()) continue;
    const base::SteadyTime fold_until = since + kFoldLimit;
    if (owner_.still_writing(key) && clock_.steady_now() < fold_until) {
      dirty_.emplace(key, since);  // the end of those writes pokes again
      due_[key] = fold_until;
      continue;
    }
    pump_target(*found->second);
  }
  std::optional<base::SteadyTime> next;
  for (const auto& [key, when] : due_) next = next ? std::min(*next, when) : when;
  alarm_.set(next);
}

void AzureWorkers::pump_target(AzureTarget& target) {
  const base::SteadyTime now = clock_.steady_now();
  const std::string key = target.key();
  due_.erase(key);
  const auto must_stay = [this, &key](const std::string& identity) { return owner_.must_stay(key, identity); };
  const std::set<std::string> ready = target.ready_pods(now, must_stay);
  if (!ready.empty()) owner_.on_ready(ready);
  if (active_ >= options_.max_parallel) {
    dirty_.emplace(key, now);  // the end of a round pumps again
    return;
  }
  const bool is_listed =
      target.repair_due(now) && !target.needs_own_look() && owner_.any_in_use(key) && look_by_list(target);
  if (active_ >= options_.max_parallel) {
    dirty_.emplace(key, now);  // the list was the last request allowed; its end pumps again
    return;
  }
  const auto assigned = [this, &key] { return owner_.assigned_on(key); };
  std::optional<Round> round =
      target.begin_round(now, must_stay, assigned, is_listed ? RepairBy::list : RepairBy::round);
  if (round) {
    ++active_;
    tasks_.spawn("azure round", run_round(key, std::move(*round)));
    return;
  }
  schedule(target);
}

void AzureWorkers::schedule(AzureTarget& target) {
  const base::SteadyTime now = clock_.steady_now();
  const Repairs repairs = owner_.any_in_use(target.key()) ? Repairs::wanted : Repairs::unwanted;
  if (target.unused(now) && repairs == Repairs::unwanted) {
    const std::string collection = collection_of(target.resource()).key();
    collections_[collection].targets.erase(target.key());
    if (collections_[collection].targets.empty() && !collections_[collection].under_way) collections_.erase(collection);
    targets_.erase(std::string(target.key()));
    return;
  }
  // What could be done now is being done, or waits for a plan that is under way.
  const std::optional<base::SteadyTime> next = target.next_time(now, repairs);
  if (next && *next > now) due_[target.key()] = *next;
}

base::Task<> AzureWorkers::run_round(std::string key, Round round) {
  azure::AzureResource resource = targets_.at(key)->resource();
  azure::IdentityChange change = round.change;
  const base::SteadyTime started = clock_.steady_now();
  azure::UpdateResult result = co_await api_.update(std::move(resource), std::move(change));
  --active_;
  AzureTarget& target = *targets_.at(key);
  owner_.on_round_ended(target.resource(), clock_.steady_now() - started);
  const RoundOutcome outcome =
      target.end_round(round, result, owner_.assigned_on(key), clock_.steady_now(), random_.unit());
  if (result.error) {
    base::log::warning("changing the identities of a VM or scale set failed",
                       {{"resource", key}, {"error", *result.error}, {"refused", result.refused.size()}});
  }
  for (const RoundOutcome::Refusal& refusal : outcome.refusals) owner_.on_refused(refusal);
  if (!outcome.ready_pods.empty()) owner_.on_ready(outcome.ready_pods);
  if (result.after) owner_.on_looked_at(key);
  poke(key);
}

// Whether a list call is, or now gets, under way that looks at the target, too, or will be when Azure can be asked again.
bool AzureWorkers::look_by_list(AzureTarget& target) {
  const azure::AzureResource resource = collection_of(target.resource());
  Collection& collection = collections_[resource.key()];
  if (collection.targets.size() < kListThreshold || collection.unlisted.contains(target.key())) return false;
  if (clock_.steady_now() < collection.alone_until) return false;
  if (clock_.steady_now() < collection.retry_at) {
    target.set_next_repair(collection.retry_at);
    return true;
  }
  if (!std::exchange(collection.under_way, true)) {
    ++active_;
    tasks_.spawn("azure list", run_list(resource));
  }
  return true;
}

base::Task<> AzureWorkers::run_list(azure::AzureResource resource) {
  const base::SteadyTime asked_at = clock_.steady_now();
  auto states = co_await api_.list(resource);
  --active_;
  Collection& collection = collections_[resource.key()];
  collection.under_way = false;
  collection.unlisted.clear();
  if (states) {
    collection.retry_delay = base::Duration(0);
    take_list(*states, resource, asked_at);
  } else {
    note_list_failure(resource, states.error());
  }
  if (collection.targets.empty()) {
    collections_.erase(resource.key());
    request_pump();
    co_return;
  }
  for (const std::string& key : collection.targets) poke(key);
}

// Many single looks in place of a list would make it worse where Azure asks to be left alone, or does not answer at all.
void AzureWorkers::note_list_failure(const azure::AzureResource& resource, const base::Error& error) {
  Collection& collection = collections_[resource.key()];
  const base::SteadyTime now = clock_.steady_now();
  const TargetTiming& timing = options_.timing;
  // An answer that stays away for long is no answer: the list may fail where a single look does not.
  const bool away = error.kind == base::ErrorKind::unavailable || error.kind == base::ErrorKind::timeout;
  const bool passes = error.kind == base::ErrorKind::throttled || (away && collection.retry_delay < timing.last_retry);
  if (passes) {
    collection.retry_delay = base::next_pause(collection.retry_delay, timing.first_retry, timing.last_retry);
    collection.retry_at =
        now + std::max<base::Duration>(collection.retry_delay, error.retry_after.value_or(std::chrono::seconds(0)));
  } else {
    collection.alone_until = now + timing.max_age;
  }
  base::log::warning(passes ? "listing VMs or scale sets failed; it is tried again later"
                            : "listing VMs or scale sets failed; each is looked at by itself",
                     {{"collection", resource.key()}, {"error", error}});
}

void AzureWorkers::take_list(const std::map<std::string, azure::IdentityState>& states,
                             const azure::AzureResource& resource, base::SteadyTime asked_at) {
  Collection& collection = collections_[resource.key()];
  for (const std::string& key : collection.targets) {
    const auto state = states.find(key);
    if (state == states.end()) {
      collection.unlisted.insert(key);
      continue;
    }
    targets_.at(key)->observed(state->second, owner_.assigned_on(key), asked_at, clock_.steady_now(), random_.unit());
    owner_.on_looked_at(key);
  }
}

void AzureWorkers::wake() {
  const base::SteadyTime now = clock_.steady_now();
  for (auto at = due_.begin(); at != due_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    dirty_.try_emplace(at->first, now);
    at = due_.erase(at);
  }
  request_pump();
}

std::size_t AzureWorkers::bad_identities() const {
  std::size_t count = 0;
  for (const auto& [key, target] : targets_) count += target->bad_identities();
  return count;
}

std::size_t AzureWorkers::retrying() const {
  std::size_t count = 0;
  for (const auto& [key, target] : targets_) count += target->waiting_to_retry(clock_.steady_now()) ? 1 : 0;
  return count;
}

}  // namespace podid::mic
