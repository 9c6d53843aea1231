// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/calendar_reader.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/json.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kReadTimeout{10};

core::Calendar unreadable(std::string problem) {
  core::Calendar calendar;
  calendar.problem = std::move(problem);
  return calendar;
}

core::Calendar calendar_of(const base::Result<kube::json::value>& config_map, const core::HolidayList& list) {
  const std::string what = fmt::format("ConfigMap {}", list.config_map);
  if (!config_map) return unreadable(fmt::format("{} cannot be read: {}", what, config_map.error().message));
  const kube::json::value* data = base::find_path(*config_map, {"data"});
  const kube::json::value* text =
      data != nullptr && data->is_object() ? data->get_object().if_contains(list.key) : nullptr;
  if (text == nullptr || !text->is_string()) return unreadable(fmt::format("{} has no key {}", what, list.key));
  return core::read_calendar(std::string_view(text->get_string()));
}

}  // namespace

std::set<core::HolidayList> holiday_lists_of(const core::Access& access) {
  std::set<core::HolidayList> lists;
  for (const core::AccessWindow& window : access.windows) {
    if (window.holidays) lists.insert(*window.holidays);
  }
  return lists;
}

CalendarReader::CalendarReader(kube::Client& client, Told told)
    : client_(client), told_(std::move(told)), news_(client.executor()), tasks_(client.executor()) {}

void CalendarReader::set_wanted(const core::ObjectKey& binding, std::set<core::HolidayList> lists) {
  const auto known = wanted_.find(binding);
  if (known == wanted_.end() ? lists.empty() : known->second == lists) return;
  if (lists.empty()) {
    wanted_.erase(known);
  } else {
    wanted_.insert_or_assign(binding, std::move(lists));
  }
  ++changes_;
  if (tasks_.stopping()) return;
  if (std::exchange(running_, true)) {
    news_.notify();
  } else {
    tasks_.spawn("calendars", look());
    tasks_.spawn("calendars, again", look_again());
  }
}

base::Task<> CalendarReader::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

base::Task<> CalendarReader::look() {
  for (;;) {
    const std::uint64_t seen = changes_;
    std::map<std::string, std::set<core::HolidayList>> by_namespace;
    for (const auto& [binding, lists] : wanted_) by_namespace[binding.ns].insert(lists.begin(), lists.end());
    for (const auto& [ns, lists] : by_namespace) {
      core::Calendars calendars = co_await read(ns, lists);
      told_(ns, std::move(calendars));
    }
    if (seen == changes_) co_await news_.wait();
  }
}

base::Task<> CalendarReader::look_again() {
  for (;;) {
    co_await client_.clock().sleep_for(kCalendarInterval);
    ++changes_;
    news_.notify();
  }
}

base::Task<core::Calendars> CalendarReader::read(std::string ns, std::set<core::HolidayList> lists) {
  core::Calendars calendars;
  std::map<std::string, base::Result<kube::json::value>> read;
  for (const core::HolidayList& list : lists) {
    if (!read.contains(list.config_map)) {
      const kube::ObjectKey key{ns, list.config_map};
      auto answer = co_await client_.get(kube::kConfigMaps, key, net::Deadline::in(client_.clock(), kReadTimeout));
      read.emplace(list.config_map, std::move(answer));
    }
    calendars.emplace(list, calendar_of(read.at(list.config_map), list));
  }
  co_return calendars;
}

}  // namespace podid::nmi
