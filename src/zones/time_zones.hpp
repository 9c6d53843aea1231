// SPDX-License-Identifier: Apache-2.0
// The machine's time zones: the compiled files of package tzdata, under $TZDIR or /usr/share/zoneinfo.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/access/zone.hpp"

namespace podid::zones {

// $TZDIR, else /usr/share/zoneinfo.
std::string zone_folder();

// Zones by name, each read once and kept: a tenant may name no more than the folder has. Thread-safe; reads files, so not for a
// request. An update of tzdata is seen at the next start. From 1900 to 2200; beyond that the clocks are not changed.
class TimeZones {
 public:
  explicit TimeZones(std::string folder = zone_folder()) : folder_(std::move(folder)) {}

  // Null: there is none of that name. Not the machine's own zone under any name, nor those that count leap seconds.
  std::shared_ptr<const core::Zone> find(std::string_view name);
  // For who takes a function; in this object's keeping.
  core::ZoneLookup lookup() {
    return [this](std::string_view name) { return find(name); };
  }

 private:
  const std::string folder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const core::Zone>, std::less<>> known_;
};

}  // namespace podid::zones
