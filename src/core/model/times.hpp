// SPDX-License-Identifier: Apache-2.0
// Times and durations as deploy/crds takes them: narrower than RFC 3339 and than Go's durations. Pure and thread-safe.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/access.hpp"

namespace podid::core {

// "2026-12-31T23:59:59Z": seconds, a zone (`Z`, "+02:00") and, where wanted, a fraction, from 1970 on; no leap second, no
// small letters. What an Instant cannot hold (after 2262) becomes the last one that it can.
std::optional<Instant> read_time(std::string_view text);
// "2026-12-31T23:59:59Z": whole seconds, rounded down.
std::string time_text(Instant time);
// "4h", "1h30m", "90s": hours (three digits), minutes (four) and seconds (five), in this order.
std::optional<std::chrono::seconds> read_duration(std::string_view text);
std::string duration_text(std::chrono::seconds duration);
// "2026-12-24".
std::optional<std::chrono::sys_days> read_date(std::string_view text);
std::string date_text(std::chrono::sys_days day);
// "00:00" to "24:00", as minutes.
std::optional<std::chrono::minutes> read_clock(std::string_view text);

}  // namespace podid::core
