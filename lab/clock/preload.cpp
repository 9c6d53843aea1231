// SPDX-License-Identifier: Apache-2.0
// The library in the LD_PRELOAD of a lab's programs (clock_file.hpp): their wall clock is the machine's plus the number
// in the lab's file. It stands before libc for who asks libc or the C++ library for the time, OpenSSL among them; a
// static program, or one that asks the kernel itself as Go's do, is not driven. After the start it makes no system
// call of its own: the file is mapped then, so that a sandbox changes nothing.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

using ClockGettime = int (*)(clockid_t, timespec*);

const std::int64_t kNoOffset = 0;
const std::int64_t* ahead = &kNoOffset;  // nanoseconds

// Other libraries' constructors may ask for the time before ours has run.
int machine_clock(clockid_t clock, timespec* time) {
  static const auto kNext = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
  return kNext(clock, time);
}

bool is_wall_clock(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

int lab_clock(clockid_t clock, timespec* time) {
  const int result = machine_clock(clock, time);
  if (result != 0 || !is_wall_clock(clock)) return result;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t offset = __atomic_load_n(ahead, __ATOMIC_RELAXED);
  time->tv_sec += offset / kSecond;
  time->tv_nsec += offset % kSecond;
  if (time->tv_nsec >= kSecond) {
    time->tv_nsec -= kSecond;
    ++time->tv_sec;
  } else if (time->tv_nsec < 0) {
    time->tv_nsec += kSecond;
    --time->tv_sec;
  }
  return result;
}

__attribute__((constructor)) void map_the_file() {
  const char* path = std::getenv("PODID_LAB_CLOCK");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  void* page = file < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) ::close(file);
  if (page == MAP_FAILED) {
    std::fprintf(stderr, "podid lab: cannot read the lab's clock %s; the machine's is used\n", path);
    return;
  }
  ahead = static_cast<const std::int64_t*>(page);
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): libc named them
extern "C" {

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* time) noexcept {
  return lab_clock(clock, time);
}

__attribute__((visibility("default"))) time_t time(time_t* result) noexcept {
  timespec now{};
  lab_clock(CLOCK_REALTIME_COARSE, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

__attribute__((visibility("default"))) int gettimeofday(timeval* result, void* /*zone*/) noexcept {
  timespec now{};
  lab_clock(CLOCK_REALTIME, &now);
  *result = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

__attribute__((visibility("default"))) int timespec_get(timespec* result, int base) noexcept {
  return base == TIME_UTC && lab_clock(CLOCK_REALTIME, result) == 0 ? base : 0;
}
}
// NOLINTEND(readability-identifier-naming)
