// SPDX-License-Identifier: Apache-2.0
// What does the audit log cost? Records through a ring into the log (framed, hashed, written, synced once a second), and what of
// that a plain write() of the same lines to a file beside it would cost; both on this one thread. And put() alone, which is what a
// request pays.
//
//   audit_log [--records 400000] [--folder FOLDER]
// Prints one line of JSON: rates a second, and the ratio of the log's time to that of plain writes.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "audit/writer.hpp"
#include "base/text.hpp"

namespace {

using namespace podid;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

// Of the processor: a disk that others use does not count.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

audit::RecordView record_of(std::string_view pod) {
  return {.time = std::chrono::system_clock::now(),
          .node = "aks-nodepool1-12345678-vmss00000a",
          .source = "10.244.1.17",
          .ns = "shop",
          .pod = pod,
          .pod_uid = "7d1c6c1e-1111-4222-8333-000000000001",
          .service_account = "front",
          .binding = "shop/store-reader-binding",
          .identity = "shop/store-reader",
          .identity_type = "managedIdentity",
          .client_id = "1234##### REDACTED #####abcd",
          .resource = "https://storage.azure.com/",
          .cached = true,
          .expires = std::chrono::system_clock::now() + std::chrono::hours(1),
          .latency = std::chrono::microseconds(57),
          .uti = "PzIO7qNYo0Gn1bX9Yz0AAA",
          .oid = "00000000-0000-4000-8000-0000000000aa"};
}

int failed(const base::Error& error) {
  fmt::print(stderr, "audit_log: {}\n", error.message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t records = 400'000;
  std::string folder = std::filesystem::temp_directory_path() / fmt::format("podid-bench-audit-{}", ::getpid());
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--records")
      records = base::parse_number<std::uint64_t>(argv[i + 1]).value_or(records);
    if (std::string_view(argv[i]) == "--folder") folder = argv[i + 1];
  }
  std::filesystem::create_directories(folder);
  base::RealClock clock;
  auto writer = audit::Writer::make({.log = {.path = folder + "/audit.log", .cluster = "bench", .node = "node"},
                                     .ring_folder = folder + "/rings",
                                     .process = "bench"},
                                    clock);
  if (!writer) return failed(writer.error());
  audit::Ring& ring = (*writer)->ring(0);

  double put_cpu = 0;
  double log_cpu = 0;
  const auto start = Steady::now();
  for (std::uint64_t done = 0; done < records;) {
    const double before = cpu_seconds();
    while (done < records && ring.put(record_of("front-5f7c9d8b6c-x2x7k"))) ++done;
    const double between = cpu_seconds();
    auto drained = (*writer)->drain();
    if (!drained) return failed(drained.error());
    put_cpu += between - before;
    log_cpu += cpu_seconds() - between;
  }
  auto flushed = (*writer)->flush();
  if (!flushed) return failed(flushed.error());
  const double log_wall = seconds_since(start);
  const std::uint64_t size = (*writer)->log()->size();

  // The same lines again, as one write() for each 1 MiB.
  auto read = (*writer)->log()->tail(std::min<std::uint64_t>(records, 50'000));
  if (!read) return failed(read.error());
  std::string block;
  const int fd = ::open((folder + "/plain").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const double before = cpu_seconds();
  std::uint64_t plain = 0;
  while (plain < records) {
    for (const std::string& line : *read) {
      block += line;
      block += '\n';
      if (++plain == records) break;
      if (block.size() < (std::size_t{1} << 20)) continue;
      if (::write(fd, block.data(), block.size()) < 0) return 1;
      block.clear();
    }
  }
  if (::write(fd, block.data(), block.size()) < 0) return 1;
  ::fdatasync(fd);
  const double plain_cpu = cpu_seconds() - before;
  ::close(fd);
  writer->reset();
  std::filesystem::remove_all(folder);

  const auto rate = [records](double seconds) { return static_cast<double>(records) / seconds; };
  fmt::print(
      R"({{"records":{},"put_nanoseconds":{:.0f},"appended_per_core_second":{:.0f},"appended_per_second":{:.0f},)"
      R"("plain_write_per_core_second":{:.0f},"ratio":{:.1f}}})"
      "\n",
      size - 1, put_cpu / static_cast<double>(records) * 1e9, rate(log_cpu), rate(log_wall), rate(plain_cpu),
      log_cpu / plain_cpu);
  return 0;
}
