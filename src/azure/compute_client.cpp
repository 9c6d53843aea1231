// SPDX-License-Identifier: Apache-2.0
#include "azure/compute_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <span>
#include <utility>

#include "azure/identity_patch.hpp"
#include "base/text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

constexpr int kUnauthorized = 401;
constexpr int kConflict = 409;
constexpr std::size_t kMaxPages = 1000;
constexpr int kMaxConflicts = 2;  // then three sends in all (mic.md §7.5)

std::string_view word(ResourceKind kind) { return kind == ResourceKind::vm ? "vm" : "vmss"; }

// Another writer was quicker: what we knew of the resource is out of date.
bool is_conflict(const base::Error& error) {
  return error.http_status == kConflict || error.code == "OperationPreempted";
}

// Lower case, each id once, in one of the lists.
IdentityChange normalized(IdentityChange change) {
  for (auto* list : {&change.add, &change.remove}) {
    std::ranges::transform(*list, list->begin(), [](const std::string& id) { return base::to_lower(id); });
    std::ranges::sort(*list);
    list->erase(std::ranges::unique(*list).begin(), list->end());
  }
  std::erase_if(change.remove, [&](const std::string& id) { return std::ranges::binary_search(change.add, id); });
  return change;
}

std::size_t size_of(const IdentityChange& change) { return change.add.size() + change.remove.size(); }

// Takes `ids` out of the change and gives those that were in it.
std::vector<std::string> take_out(IdentityChange& change, const std::vector<std::string>& ids) {
  std::vector<std::string> taken;
  for (const std::string& id : ids) {
    if (std::erase(change.add, id) + std::erase(change.remove, id) != 0) taken.push_back(id);
  }
  return taken;
}

// Whether a refused PATCH may be no fault of the machine, but of an identity that it names: any final refusal, whatever
// its code and spelling, but for a missing right on the machine itself.
bool may_concern_an_identity(const base::Error& error) {
  switch (error.http_status) {
    case 401:
    case 408:
    case 409:
    case 412:
    case 423:
    case 429:
      return false;
    default:
      break;
  }
  if (error.http_status < 400 || error.http_status > 499) return false;
  return error.code != "AuthorizationFailed" || base::to_lower(error.message).contains("userassignedidentities");
}

// Two smaller changes, which together are the given one of at least two: additions and removals apart, then halves.
std::pair<IdentityChange, IdentityChange> parts_of(const IdentityChange& change) {
  if (!change.add.empty() && !change.remove.empty()) {
    return {{.add = change.add, .remove = {}}, {.add = {}, .remove = change.remove}};
  }
  std::pair<IdentityChange, IdentityChange> both;
  std::size_t position = 0;
  const std::size_t middle = size_of(change) / 2;
  const auto deal = [&](const std::vector<std::string>& ids, std::vector<std::string> IdentityChange::* list) {
    for (const std::string& id : ids) ((position++ < middle ? both.first : both.second).*list).push_back(id);
  };
  deal(change.remove, &IdentityChange::remove);
  deal(change.add, &IdentityChange::add);
  return both;
}

}  // namespace

// One update() from its first read to its last. Works off a list of partial changes, which begins as the whole change;
// a refusal makes its part smaller (without the refused identities) or splits it.
class ComputeClient::Update {
 public:
  Update(ComputeClient& client, AzureResource resource, IdentityChange change, base::SteadyTime deadline)
      : client_(client), resource_(std::move(resource)), deadline_(deadline), on_refusal_(change.on_refusal) {
    IdentityChange whole = normalized(std::move(change));
    // They would have Azure refuse those beside them. To remove one is nothing: it cannot be attached.
    std::erase_if(whole.remove, [](const std::string& id) { return !is_user_identity_id(id); });
    std::erase_if(whole.add, [this](const std::string& id) {
      if (is_user_identity_id(id)) return false;
      if (!result_.error) {
        result_.error =
            fail(ErrorKind::invalid, "no resource ID of a user-assigned identity: " + base::go_quote(id)).error();
      }
      result_.refused.push_back({.id = id, .reason = *result_.error});
      return true;
    });
    parts_.push_back(std::move(whole));
  }

  base::Task<UpdateResult> run() {
    while (!parts_.empty()) {
      IdentityChange part = std::move(parts_.front());
      parts_.pop_front();
      if (part.empty()) continue;
      const auto done = co_await attempt(part);
      if (done) continue;
      if (const auto pause = pause_to_repeat(done.error())) {
        parts_.push_front(std::move(part));
        co_await client_.clock_.sleep_for(*pause);
        continue;
      }
      if (!result_.error) result_.error = done.error();
      if (!plan_next(std::move(part), done.error())) break;
      const base::Duration wait = done.error().retry_after.value_or(std::chrono::seconds(0));
      co_await client_.clock_.sleep_for(std::max(wait, client_.options_.retry_interval));
    }
    if (result_.error) {
      // Some of it may have been done: what counts is what is there.
      result_.after.reset();
      auto state = co_await client_.read(resource_, deadline_);
      if (state) result_.after = std::move(*state);
    } else if (result_.after && knows_no_client_id_of_added()) {
      const auto state = co_await client_.read(resource_, deadline_);
      if (state) take_client_ids(*state);
      result_.client_ids_unread = !state;
    }
    co_return std::move(result_);
  }

 private:
  bool knows_no_client_id_of_added() const {
    return client_.options_.learn_client_ids && std::ranges::any_of(added_, [this](const std::string& id) {
             const auto found = result_.after->user_assigned.find(id);
             return found != result_.after->user_assigned.end() && found->second.client_id.empty();
           });
  }
  // Nothing else: what has been done is known better than by an answer that may be behind it.
  void take_client_ids(const IdentityState& state) {
    for (auto& [id, identity] : result_.after->user_assigned) {
      if (const auto found = state.user_assigned.find(id); found != state.user_assigned.end()) identity = found->second;
    }
  }

  IdentityChange without_those_that_stay(IdentityChange part, const IdentityState& state) const {
    std::erase_if(part.remove, [&](const std::string& id) {
      const auto found = state.user_assigned.find(id);
      return client_.options_.stays && found != state.user_assigned.end() && client_.options_.stays(id, found->second);
    });
    return part;
  }

  // Reads and sends what is missing from `part`.
  base::Task<base::Result<>> attempt(const IdentityChange& part) {
    std::optional<std::size_t> left;  // steps; counted down, for a read may be behind what was just sent
    do {
      const auto steps = co_await step(part);
      if (!steps) co_return std::unexpected(steps.error());
      left = left ? *left - 1 : std::max<std::size_t>(*steps, 1) - 1;
    } while (*left > 0);
    co_return base::Result<>();
  }

  // Reads, and sends the first of the PATCHes that are missing: how many those were. What a PATCH says of all that it
  // does not name follows from a read right before it (MIC-1).
  base::Task<base::Result<std::size_t>> step(const IdentityChange& part) {
    patch_failed_ = false;
    sent_ = {};
    unsent_ = {};
    auto state = co_await client_.read(resource_, deadline_);
    if (!state) co_return fail(state.error(), "failed to get identity resource, error");
    const auto plan = plan_patches(*state, without_those_that_stay(part, *state));
    if (!plan) co_return fail(plan.error(), resource_.name);
    if (!plan->empty() && state->provisioning_state == "Deleting") {
      co_return fail(
          ErrorKind::gone,
          resource_.kind == ResourceKind::vm
              ? fmt::format("failed to update identities for {} in {}, vm is in 'Deleting' provisioning state",
                            resource_.name, resource_.resource_group)
              : fmt::format("failed to update identities for {} in {}, vmss is in Deleting provisioning state",
                            resource_.name, resource_.resource_group));
    }
    if (!plan->empty()) {
      sent_ = {.add = plan->front().add, .remove = plan->front().remove};
      for (const IdentityPatch& later : std::span(*plan).subspan(1)) {
        unsent_.add.insert(unsent_.add.end(), later.add.begin(), later.add.end());
        unsent_.remove.insert(unsent_.remove.end(), later.remove.begin(), later.remove.end());
      }
      const auto sent = co_await send(plan->front());
      if (!sent) co_return std::unexpected(sent.error());
      *state = apply(std::move(*state), plan->front());
      added_.insert(plan->front().add.begin(), plan->front().add.end());
    }
    result_.after = std::move(*state);
    co_return plan->size();
  }

  // Sends the PATCH and waits for the end of what it began.
  base::Task<base::Result<>> send(const IdentityPatch& patch) {
    const base::SteadyTime started = client_.clock_.steady_now();
    auto operation = co_await client_.arm_.patch(resource_, patch.body(), deadline_);
    if (!operation) {
      patch_failed_ = true;
      client_.report(resource_, "update", started, false);
      base::Error error = std::move(operation.error());
      // The machine itself was there at the read.
      if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
      co_return std::unexpected(std::move(error));
    }
    failures_ = 0;
    const auto ended = co_await client_.arm_.follow(resource_, std::move(*operation), deadline_);
    client_.report(resource_, "update", started, ended.has_value());
    co_return ended;
  }

  // How long to wait before the same is tried again, from its read on; nothing when that would not help.
  std::optional<base::Duration> pause_to_repeat(const base::Error& error) {
    if (!patch_failed_) return std::nullopt;
    if (error.http_status == kUnauthorized && !std::exchange(token_renewed_, true)) return base::Duration(0);
    const auto pause = client_.arm_.pause_after(error, ++failures_);
    if (!pause || client_.clock_.steady_now() + *pause >= deadline_) return std::nullopt;
    return pause;
  }

  // Puts what is still worth trying at the front of the list. False: nothing further makes sense.
  bool plan_next(IdentityChange part, const base::Error& error) {
    if (is_conflict(error)) {
      if (++conflicts_ > kMaxConflicts) return false;
      parts_.push_front(std::move(part));
      return true;
    }
    if (sent_.empty()) return false;
    const bool says_which = is_identity_error(error);
    if (!says_which && !(patch_failed_ && may_concern_an_identity(error))) return false;
    if (on_refusal_ == OnRefusal::find_culprits && !unsent_.empty()) parts_.push_front(std::exchange(unsent_, {}));
    std::vector<std::string> named;
    if (says_which) named = take_out(sent_, quoted_identity_ids(error.message));
    for (const std::string& id : named) result_.refused.push_back({.id = id, .reason = error});
    if (!named.empty()) {
      if (sent_.empty() || on_refusal_ == OnRefusal::stop) return !parts_.empty();
      if (++retries_ > client_.options_.max_retries) return false;
      parts_.push_front(std::exchange(sent_, {}));
      return true;
    }
    if (size_of(sent_) == 1) {
      const std::string& id = sent_.add.empty() ? sent_.remove.front() : sent_.add.front();
      result_.refused.push_back({.id = id, .reason = error});
      return !parts_.empty();
    }
    const bool is_mixed = !sent_.add.empty() && !sent_.remove.empty();
    if (on_refusal_ != OnRefusal::find_culprits && !is_mixed) {
      result_.undecided.insert(result_.undecided.end(), sent_.add.begin(), sent_.add.end());
      result_.undecided.insert(result_.undecided.end(), sent_.remove.begin(), sent_.remove.end());
      return !parts_.empty();
    }
    if (++bisections_ > client_.options_.max_bisection_steps) return false;
    auto [first, second] = parts_of(sent_);
    parts_.push_front(std::move(second));
    parts_.push_front(std::move(first));
    return true;
  }

  ComputeClient& client_;
  AzureResource resource_;
  base::SteadyTime deadline_;
  OnRefusal on_refusal_;
  std::deque<IdentityChange> parts_;
  // Of the last attempt: what its PATCH named, and what was left for further ones.
  IdentityChange sent_;
  IdentityChange unsent_;
  UpdateResult result_;
  bool patch_failed_ = false;  // the last attempt's PATCH itself, not a read or the operation that it began
  bool token_renewed_ = false;
  int failures_ = 0;             // of PATCHes in a row, for passing reasons
  std::set<std::string> added_;  // by PATCHes
  int conflicts_ = 0;
  int retries_ = 0;
  int bisections_ = 0;
};

ComputeClient::ComputeClient(ComputeOptions options, ArmClient& arm, base::Clock& clock)
    : options_(std::move(options)), arm_(arm), clock_(clock) {}

base::Task<base::Result<IdentityState>> ComputeClient::get(AzureResource resource, base::SteadyTime deadline) {
  auto state = co_await read(std::move(resource), deadline);
  co_return state;
}

base::Task<base::Result<std::map<std::string, IdentityState>>> ComputeClient::list(AzureResource collection,
                                                                                   base::SteadyTime deadline) {
  collection.name.clear();
  const base::SteadyTime started = clock_.steady_now();
  auto all = co_await read_pages(collection, deadline);
  report(collection, "list", started, all.has_value());
  co_return all;
}

base::Task<base::Result<std::map<std::string, IdentityState>>> ComputeClient::read_pages(AzureResource collection,
                                                                                         base::SteadyTime deadline) {
  std::map<std::string, IdentityState> all;
  std::set<std::string> asked;
  std::string next_link;
  std::size_t bytes = 0;
  do {
    if (!asked.insert(next_link).second) co_return fail(ErrorKind::invalid, "the pages of a list run in a circle");
    if (asked.size() > kMaxPages) co_return fail(ErrorKind::invalid, fmt::format("more than {} pages", kMaxPages));
    const auto body = co_await arm_.get_page(collection, next_link, deadline);
    if (!body) co_return std::unexpected(body.error());
    bytes += body->size();
    if (bytes > options_.max_list_bytes) {
      co_return fail(ErrorKind::invalid, fmt::format("a list of more than {} bytes", options_.max_list_bytes));
    }
    auto page = parse_resource_page(*body, collection);
    if (!page) co_return std::unexpected(page.error());
    all.merge(page->states);
    next_link = std::move(page->next_link);
  } while (!next_link.empty());
  co_return all;
}

base::Task<UpdateResult> ComputeClient::update(AzureResource resource, IdentityChange change,
                                               base::SteadyTime deadline) {
  Update update(*this, std::move(resource), std::move(change), deadline);
  auto result = co_await update.run();
  co_return result;
}

base::Task<base::Result<IdentityState>> ComputeClient::read(AzureResource resource, base::SteadyTime deadline) {
  const base::SteadyTime started = clock_.steady_now();
  const auto body = co_await arm_.get(resource, deadline);
  report(resource, "get", started, body.has_value());
  if (!body) co_return std::unexpected(body.error());
  co_return parse_resource(*body);
}

void ComputeClient::report(const AzureResource& resource, std::string_view verb, base::SteadyTime started,
                           bool ok) const {
  if (!options_.on_operation) return;
  options_.on_operation(fmt::format("{}_{}", word(resource.kind), verb), clock_.steady_now() - started,
                        ok ? Ended::well : Ended::badly);
}

}  // namespace podid::azure
