// SPDX-License-Identifier: Apache-2.0
// A ring whose header and first records are any bytes, as after a power cut: nothing is read outside of it, and reading ends.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "audit/ring.hpp"

using namespace podid;

namespace {

constexpr std::size_t kHeader = 4096;

// A ring with some records, of which the input is made.
struct Made {
  std::string folder;
  std::string path;
  Made() {
    std::string name = "/tmp/podid-ring-fuzz-XXXXXX";
    folder = ::mkdtemp(name.data());
    std::atomic<std::uint64_t> sequence{0};
    auto ring = audit::Ring::create(folder, "p", 0, sequence, audit::Ring::kMinCapacity).value();
    for (int i = 0; i < 4; ++i) ring->put({.time = {}, .pod = "pod", .latency = {}});
    path = ring->path();
  }
  ~Made() {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Made kMade;
  const int fd = ::open(kMade.path.c_str(), O_RDWR | O_CLOEXEC);
  std::string before(2 * kHeader, '\0');
  if (::pread(fd, before.data(), before.size(), 0) != static_cast<ssize_t>(before.size())) std::abort();
  // Pairs of place and byte.
  std::string bytes = before;
  for (std::size_t i = 0; i + 2 < size; i += 3)
    bytes[(std::size_t{data[i]} << 8 | data[i + 1]) % bytes.size()] = static_cast<char>(data[i + 2]);
  if (::pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  ::close(fd);
  if (auto ring = audit::Ring::adopt(kMade.path)) {
    std::vector<audit::Ring::Taken> taken;
    (*ring)->take(taken, base::WallTime::max(), SIZE_MAX);
    std::size_t length = 0;
    for (const auto& record : taken) {
      length += std::size_t(std::ranges::count(record.body, '\n')) + record.body.size();
      if (record.count == 0) std::abort();
    }
    if (length > audit::Ring::kMinCapacity) std::abort();
    (*ring)->release();
  }
  const int again = ::open(kMade.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (::pwrite(again, before.data(), before.size(), 0) != static_cast<ssize_t>(before.size())) std::abort();
  ::close(again);
  return 0;
}
