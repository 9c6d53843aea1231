// SPDX-License-Identifier: Apache-2.0
#include "lab/clock/clock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/file.hpp"
#include "base/time_text.hpp"

namespace podid::lab::clock {
namespace {

constexpr std::chrono::hours kFarthest{24 * 365 * 5};

struct Unmap {
  void operator()(std::int64_t* page) const { ::munmap(page, sizeof *page); }
};

base::Result<std::unique_ptr<std::int64_t, Unmap>> map(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) {
    return base::fail(base::ErrorKind::not_found,
                      "this lab has no clock of its own (" + path + "): it was brought up by an older program");
  }
  void* page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (page == MAP_FAILED) return base::fail(base::ErrorKind::internal, "cannot map " + path);
  return std::unique_ptr<std::int64_t, Unmap>(static_cast<std::int64_t*>(page));
}

std::unexpected<base::Error> not_understood(std::string_view action, std::string_view time) {
  return base::fail(base::ErrorKind::invalid, fmt::format("clock {}{}{}: use +2h, set 2026-12-01T23:59:58Z or reset",
                                                          action, time.empty() ? "" : " ", time));
}

}  // namespace

base::Result<> create(const std::string& path) {
  return base::write_file(path, std::string(sizeof(std::int64_t), '\0'), 0644);
}

base::Result<base::Duration> offset(const std::string& path) {
  const auto page = map(path);
  if (!page) return std::unexpected(page.error());
  return std::chrono::nanoseconds(std::atomic_ref(**page).load());
}

base::Result<> set_offset(const std::string& path, base::Duration offset) {
  const auto page = map(path);
  if (!page) return std::unexpected(page.error());
  std::atomic_ref(**page).store(std::chrono::nanoseconds(offset).count());
  return {};
}

base::Result<base::Duration> asked_offset(std::string_view action, std::string_view time, base::Duration current,
                                          base::WallTime now) {
  base::Duration asked{};
  if (action == "set") {
    const auto instant = base::parse_rfc3339(time);
    if (!instant) return not_understood(action, time);
    asked = *instant - now;
  } else if (action.starts_with('+') && time.empty()) {
    const auto further = base::parse_go_duration(action.substr(1));
    if (!further || *further > kFarthest || *further < base::Duration::zero()) return not_understood(action, time);
    asked = current + *further;
  } else if (action != "reset" || !time.empty()) {
    return not_understood(action, time);
  }
  if (asked > kFarthest || asked < -kFarthest) {
    return base::fail(base::ErrorKind::invalid, "clock: that is more than 5 years away; the lab's certificates end");
  }
  return asked;
}

}  // namespace podid::lab::clock
