// SPDX-License-Identifier: Apache-2.0
// Any JSON as the spec.access of a binding: it is read, or it denies with a sentence; no limit comes from what is read that
// the schema does not allow. Whoever writes the binding back writes the same JSON.
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <string_view>

#include "core/model/access_json.hpp"
#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"

namespace {

using namespace podid;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_window(const core::AccessWindow& window) {
  require(core::is_zone_name(window.time_zone));
  require(window.days != 0 && window.days <= core::AccessWindow::kEveryDay);
  require(window.start != window.end && window.start < std::chrono::hours(24) && window.end <= std::chrono::hours(24));
  require(!window.holidays || (!window.holidays->config_map.empty() && !window.holidays->key.empty()));
}

void check_access(const core::Access& access) {
  if (!access.invalid.empty()) {
    require(access.invalid.starts_with("spec.access") && access.invalid.size() < 512);
    for (const char c : access.invalid) require(c >= ' ' && c <= '~');
    return;
  }
  require(access.not_before || access.not_after || !access.windows.empty() || access.grant);
  require(!access.not_before || !access.not_after || *access.not_before < *access.not_after);
  require(access.windows.size() <= core::kMostWindows);
  for (const core::AccessWindow& window : access.windows) check_window(window);
  if (!access.grant) return;
  require(access.grant->max_duration >= core::kShortestGrant && access.grant->max_duration <= core::kLongestGrant);
  require(access.grant->approvals >= 0 && access.grant->approvals <= core::kMostApprovals);
}

void check_times(std::string_view text) {
  if (const auto time = core::read_time(text)) require(core::read_time(core::time_text(*time)) <= time);
  if (const auto duration = core::read_duration(text))
    require(core::read_duration(core::duration_text(*duration)) == duration);
  static_cast<void>(core::read_date(text));
  static_cast<void>(core::read_clock(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_times(text);
  boost::json::error_code error;
  const boost::json::value json = boost::json::parse(text, error);
  if (error || json.is_null()) return 0;
  check_access(core::read_access(json));
  require(core::access_hash(json).size() == 71);
  const boost::json::object object{{"spec", boost::json::object{{"access", json}}}};
  const auto binding = core::read_azure_identity_binding(object);
  if (!binding) return 0;
  require(core::write_azure_identity_binding(*binding).at("spec").at("access") == json);
  return 0;
}
