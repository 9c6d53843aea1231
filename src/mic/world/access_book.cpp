// SPDX-License-Identifier: Apache-2.0
#include "mic/world/access_book.hpp"

#include <algorithm>
#include <cstdint>

#include "core/model/times.hpp"

namespace podid::mic {
namespace {

using core::Instant;

constexpr std::uint64_t kSteps = 64;

base::Duration most_delay(const AccessTiming& timing) { return timing.lead_time / 2; }

// The same in every process: FNV-1a.
std::uint64_t hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

Instant plus(Instant at, base::Duration by) { return at + std::chrono::duration_cast<Instant::duration>(by); }

}  // namespace

base::Duration delay_of(std::string_view node, const AccessTiming& timing) {
  return most_delay(timing) * static_cast<std::int64_t>(hash(node) % kSteps + 1) / static_cast<std::int64_t>(kSteps);
}

void AccessBook::put(const core::ObjectKey& binding) {
  const auto item = entries_.try_emplace(binding).first;
  if (now_ != Instant::min()) look(*item, true);
  set_due(*item, now_);  // the next advance() tells of it
}

void AccessBook::erase(const core::ObjectKey& binding) {
  const auto item = entries_.find(binding);
  if (item == entries_.end()) return;
  due_.erase({item->second.due, binding});
  entries_.erase(item);
}

std::vector<AccessNews> AccessBook::advance(Instant now) {
  std::vector<AccessNews> news;
  const bool went_back = now < now_;
  now_ = now;
  if (went_back) {
    for (auto& item : entries_) {
      look(item, true);
      news.push_back({.binding = item.first, .after = base::Duration(-1), .until = most_delay(timing_)});
    }
    return news;
  }
  std::vector<core::ObjectKey> due;
  for (auto at = due_.begin(); at != due_.end() && at->first <= now; ++at) due.push_back(at->second);
  for (const core::ObjectKey& key : due) {
    auto& item = *entries_.find(key);
    AccessNews found = news_of(item, now);
    const AccessMoment before = item.second.moment;
    look(item, now >= item.second.schedule.good_until || item.second.looked_at == Instant::min());
    // Held assignments say until when.
    if (before != item.second.moment && item.second.moment.reason != core::AccessReason::open) {
      found.after = base::Duration(-1);
      found.until = most_delay(timing_);
    }
    news.push_back(std::move(found));
  }
  return news;
}

std::optional<Instant> AccessBook::next() const {
  if (due_.empty() || due_.begin()->first == Instant::max()) return std::nullopt;
  return due_.begin()->first;
}

AccessNews AccessBook::news_of(const Entries::value_type& item, Instant now) const {
  AccessNews news{.binding = item.first};
  const auto& [key, entry] = item;
  if (entry.looked_at == Instant::min()) {
    return {.binding = key, .after = base::Duration(-1), .until = most_delay(timing_)};
  }
  bool any = false;
  const auto take = [&](Instant change) {
    if (change > now || plus(change, most_delay(timing_)) <= entry.looked_at) return;
    const base::Duration after = entry.looked_at - change;
    const base::Duration until = std::min<base::Duration>(now - change, most_delay(timing_));
    news.after = any ? std::min(news.after, after) : after;
    news.until = any ? std::max(news.until, until) : until;
    any = true;
  };
  for (const AccessSpan& span : entry.schedule.spans) {
    take(span.from);
    if (span.to != Instant::max()) take(span.to);
  }
  return news;
}

void AccessBook::look(Entries::value_type& item, bool anew) {
  auto& [key, entry] = item;
  if (anew) {
    entry.schedule = make_schedule([this, &key](Instant at) { return source_.state_at(key, at); },
                                   [this, &key](Instant at) { return source_.day_of(key, at); }, timing_, now_);
  }
  const core::AccessState state = source_.state_at(key, now_);
  entry.moment = {.reason = state.reason,
                  .until = state.until,
                  .text = source_.text_of(key, state),
                  .problem = source_.problem_of(key),
                  .short_access = entry.schedule.short_access};
  entry.looked_at = now_;
  set_due(item, next_look(entry));
}

void AccessBook::set_due(Entries::value_type& item, Instant due) {
  auto& [key, entry] = item;
  due_.erase({entry.due, key});
  entry.due = due;
  due_.emplace(due, key);
}

Instant AccessBook::next_look(const Entry& entry) const {
  Instant due = std::min(entry.schedule.good_until, entry.moment.until.value_or(Instant::max()));
  due = std::min(due, entry.schedule.next_change(now_).value_or(Instant::max()));
  // Nodes follow a change one after the other.
  const base::Duration step =
      std::max<base::Duration>(most_delay(timing_) / static_cast<std::int64_t>(kSteps), std::chrono::seconds(1));
  for (const AccessSpan& span : entry.schedule.spans) {
    for (const Instant change : {span.from, span.to}) {
      if (change <= now_ && now_ < plus(change, most_delay(timing_))) due = std::min(due, plus(now_, step));
    }
  }
  return std::max(due, plus(now_, std::chrono::milliseconds(1)));
}

std::string AccessBook::closed_for(const core::ObjectKey& binding, std::string_view node) const {
  const auto item = entries_.find(binding);
  if (item == entries_.end()) return {};
  const Entry& entry = item->second;
  if (entry.looked_at != Instant::min() && entry.schedule.wanted(plus(now_, -delay_of(node, timing_)))) return {};
  if (!entry.moment.until || entry.moment.reason == core::AccessReason::open) return "closed";
  return "closed until " + core::time_text(*entry.moment.until);
}

const AccessMoment* AccessBook::moment(const core::ObjectKey& binding) const {
  const auto item = entries_.find(binding);
  return item == entries_.end() ? nullptr : &item->second.moment;
}

}  // namespace podid::mic
