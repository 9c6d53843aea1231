// SPDX-License-Identifier: Apache-2.0
// Times as text: RFC 3339 (Kubernetes, Azure), HTTP dates and Go durations. Pure and thread-safe.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace podid::base {

// "2026-01-02T03:04:05Z" (metav1.Time) / with six fractional digits (metav1.MicroTime).
std::string format_rfc3339(WallTime time);
std::string format_rfc3339_micro(WallTime time);
// Any RFC 3339 time, with fraction and offset; nothing for anything else. A time that WallTime cannot hold (after 2262)
// becomes the last one that it can; so do numbers of seconds.
std::optional<WallTime> parse_rfc3339(std::string_view text);
// IMF-fixdate of RFC 9110, e.g. "Sun, 06 Nov 1994 08:49:37 GMT".
std::string format_http_date(WallTime time);
std::optional<WallTime> parse_http_date(std::string_view text);
// As Go's time.ParseDuration: "300ms", "1.5h", "2h45m", "-5s"; nothing for anything else.
std::optional<Duration> parse_go_duration(std::string_view text);
std::string format_go_duration(Duration duration);
std::int64_t unix_seconds(WallTime time);
WallTime from_unix_seconds(std::int64_t seconds);

}  // namespace podid::base
