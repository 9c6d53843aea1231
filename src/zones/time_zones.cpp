// SPDX-License-Identifier: Apache-2.0
#include "zones/time_zones.hpp"

#include <absl/time/time.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "core/model/access_json.hpp"

namespace podid::zones {
namespace {

constexpr std::int64_t kDay = 24LL * 3600;
constexpr std::int64_t kFirst = (1900LL - 1970) * 365 * kDay;
constexpr std::int64_t kLast = (2200LL - 1970) * 365 * kDay;  // late in 2199

// Aliases that an administrator sets, or that tzdata has beside the zones: what they say is not what a tenant means.
bool is_no_zone(std::string_view name) {
  return name == "localtime" || name == "posixrules" || name == "Factory" || name.starts_with("right/") ||
         name.starts_with("posix/");
}

bool is_zone_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic{};
  return file.read(magic.data(), magic.size()) && std::string_view(magic.data(), magic.size()) == "TZif";
}

std::int64_t as_seconds(absl::CivilSecond civil) { return civil - absl::CivilSecond(1970); }

core::Zone to_zone(const absl::TimeZone& zone) {
  absl::Time time = absl::FromUnixSeconds(kFirst);
  const auto first = static_cast<std::int32_t>(zone.At(time).offset);
  std::int32_t offset = first;
  std::vector<core::Zone::Shift> shifts;
  absl::TimeZone::CivilTransition transition;
  while (zone.NextTransition(time, &transition)) {
    // `from` is what the clock of before would show at it.
    const std::int64_t at = as_seconds(transition.from) - offset;
    if (at > kLast) break;
    time = absl::FromUnixSeconds(at);
    const auto next = static_cast<std::int32_t>(zone.At(time).offset);
    if (next != offset) shifts.push_back({.at = at, .offset = next});
    offset = next;
  }
  return {first, std::move(shifts)};
}

}  // namespace

std::string zone_folder() {
  const char* folder = std::getenv("TZDIR");
  return folder == nullptr || *folder == '\0' ? "/usr/share/zoneinfo" : folder;
}

std::shared_ptr<const core::Zone> TimeZones::find(std::string_view name) {
  if (!core::is_zone_name(name) || is_no_zone(name)) return nullptr;
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  const std::string path = folder_ + '/' + std::string(name);
  absl::TimeZone zone;
  if (!is_zone_file(path) || !absl::LoadTimeZone(path, &zone)) return nullptr;
  return known_.emplace(name, std::make_shared<const core::Zone>(to_zone(zone))).first->second;
}

}  // namespace podid::zones
