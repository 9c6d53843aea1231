// SPDX-License-Identifier: Apache-2.0
#include "audit/ring.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

namespace podid::audit {
namespace {

constexpr std::uint64_t kMagic = 0x31676e6972646f70;  // "podring1"
constexpr std::size_t kHeaderSize = 4096;
constexpr std::size_t kMaxProcess = 63;
constexpr std::string_view kSuffix = ".ring";

// Counts and times of one record's answers in one word, so that a reader sees both or neither: the last answer in
// microseconds after the first (32 bits), whether the writer took it (1 bit), the count (31 bits).
constexpr std::uint64_t kTakenBit = std::uint64_t{1} << 31;
constexpr std::uint64_t kCountMask = kTakenBit - 1;

// Before each body; all at multiples of 8.
struct Frame {
  std::uint32_t length;  // of the body; kSkip: the ring goes on at its start
  std::uint32_t reserved;
  std::uint64_t check;  // of length, sequence, first and the body
  std::uint64_t sequence;
  std::int64_t first;  // nanoseconds since 1970
  std::atomic<std::uint64_t> fold;
};
constexpr std::uint32_t kSkip = 0xFFFFFFFF;
static_assert(sizeof(Frame) == 40 && std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::size_t padded(std::size_t length) { return (length + 7) & ~std::size_t{7}; }

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15;
  return hash ^ hash >> 29;
}

// Against torn pages, not against people. Bodies are padded with zeros to a multiple of 8.
std::uint64_t check_of(const Frame& frame, const char* body) {
  std::uint64_t hash = mix(mix(mix(kMagic, frame.length), frame.sequence), static_cast<std::uint64_t>(frame.first));
  for (std::size_t i = 0; i < padded(frame.length); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, body + i, 8);
    hash = mix(hash, word);
  }
  return hash;
}

std::int64_t nanoseconds(base::WallTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
base::WallTime wall(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::duration_cast<base::WallTime::duration>(std::chrono::nanoseconds(nanoseconds)));
}

std::unexpected<base::Error> fail_errno(const std::string& what) {
  const int code = errno;
  return base::fail(code == ENOENT ? base::ErrorKind::not_found : base::ErrorKind::internal,
                    what + ": " + std::generic_category().message(code));
}

}  // namespace

// The producer's and the consumer's words on lines of their own. head and tail count bytes since the ring was made.
struct Ring::Header {
  std::uint64_t magic;
  std::uint64_t capacity;
  std::uint64_t worker;
  char process[kMaxProcess + 1];
  alignas(64) std::atomic<std::uint64_t> head;
  std::atomic<std::uint64_t> missed;
  alignas(64) std::atomic<std::uint64_t> tail;
  std::atomic<std::uint64_t> missed_reported;
};

base::Result<std::unique_ptr<Ring>> Ring::create(const std::string& folder, std::string_view process, unsigned worker,
                                                 std::atomic<std::uint64_t>& sequence, std::size_t capacity) {
  static_assert(sizeof(Header) <= kHeaderSize);
  if (!std::has_single_bit(capacity) || capacity < kMinCapacity || process.empty() || process.size() > kMaxProcess) {
    return base::fail(base::ErrorKind::invalid, "a ring's size must be a power of two, its process at most 63 bytes");
  }
  std::unique_ptr<Ring> ring(new Ring);
  ring->path_ = folder + "/" + std::string(process) + "-" + std::to_string(worker) + std::string(kSuffix);
  ring->process_ = process;
  ring->worker_ = worker;
  ring->capacity_ = capacity;
  ring->sequence_ = &sequence;
  ring->fd_ = ::open(ring->path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (ring->fd_ < 0) return fail_errno("cannot create " + ring->path_);
  if (::flock(ring->fd_, LOCK_EX | LOCK_NB) != 0) return fail_errno("cannot lock " + ring->path_);
  // All of it now: a page that the disk has no room for would end the process when it is written.
  if (const int error = ::posix_fallocate(ring->fd_, 0, static_cast<off_t>(kHeaderSize + capacity)); error != 0) {
    errno = error;
    auto failure = fail_errno("cannot reserve " + ring->path_);
    ring->remove();
    return failure;
  }
  void* mapped =
      ::mmap(nullptr, kHeaderSize + capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd_, 0);
  if (mapped == MAP_FAILED) {
    auto failure = fail_errno("cannot map " + ring->path_);
    ring->remove();
    return failure;
  }
  ring->header_ = static_cast<Header*>(mapped);
  ring->data_ = static_cast<char*>(mapped) + kHeaderSize;
  ring->header_->capacity = capacity;
  ring->header_->worker = worker;
  std::memcpy(ring->header_->process, process.data(), process.size());
  // Last: a ring without its magic was never used.
  std::atomic_thread_fence(std::memory_order_release);
  ring->header_->magic = kMagic;
  return ring;
}

base::Result<std::unique_ptr<Ring>> Ring::adopt(const std::string& path) {
  std::unique_ptr<Ring> ring(new Ring);
  ring->path_ = path;
  ring->fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (ring->fd_ < 0) return fail_errno("cannot open " + path);
  if (::flock(ring->fd_, LOCK_EX | LOCK_NB) != 0) {
    return base::fail(base::ErrorKind::conflict, path + " belongs to a process that lives");
  }
  struct stat status{};
  if (::fstat(ring->fd_, &status) != 0) return fail_errno("cannot look at " + path);
  const auto size = static_cast<std::size_t>(status.st_size);
  const auto no_ring = [&path] { return base::fail(base::ErrorKind::invalid, path + " is no ring of records"); };
  if (!S_ISREG(status.st_mode) || size < kHeaderSize + kMinCapacity) return no_ring();
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd_, 0);
  if (mapped == MAP_FAILED) return fail_errno("cannot map " + path);
  ring->header_ = static_cast<Header*>(mapped);
  ring->data_ = static_cast<char*>(mapped) + kHeaderSize;
  ring->capacity_ = size - kHeaderSize;  // also what is unmapped in the end
  const Header& header = *ring->header_;
  ring->process_.assign(header.process, ::strnlen(header.process, kMaxProcess));
  ring->worker_ = static_cast<unsigned>(header.worker);
  ring->next_ = header.tail.load();
  const std::uint64_t head = header.head.load();
  if (header.magic != kMagic || header.capacity != ring->capacity_ || !std::has_single_bit(ring->capacity_) ||
      ring->next_ > head || head - ring->next_ > ring->capacity_ || head % 8 != 0 || ring->next_ % 8 != 0 ||
      header.missed_reported.load() > header.missed.load()) {
    return no_ring();
  }
  return ring;
}

Ring::~Ring() {
  if (header_ != nullptr) ::munmap(header_, kHeaderSize + capacity_);
  if (fd_ >= 0) ::close(fd_);
}

void Ring::remove() { ::unlink(path_.c_str()); }

std::optional<Ring::Position> Ring::put(const RecordView& record) {
  std::uint64_t head = header_->head.load(std::memory_order_relaxed);
  const std::uint64_t tail = header_->tail.load(std::memory_order_acquire);
  const std::size_t free = capacity_ - static_cast<std::size_t>(head - tail);
  // A body stands in one piece: where the rest of the ring is too short for the longest, it begins at the ring's start.
  // Only then is it known how long it is, so as much room as the longest one needs must be free.
  std::size_t offset = head & (capacity_ - 1);
  constexpr std::size_t kMost = sizeof(Frame) + padded(kMaxBody);
  const std::size_t skipped = capacity_ - offset < kMost ? capacity_ - offset : 0;
  if (free < skipped + kMost) return std::nullopt;
  if (skipped != 0) {
    constexpr std::uint32_t kMark = kSkip;
    std::memcpy(data_ + offset, &kMark, sizeof kMark);
    head += skipped;
    offset = 0;
  }
  auto* frame = reinterpret_cast<Frame*>(data_ + offset);
  char* body = data_ + offset + sizeof(Frame);
  const std::uint64_t sequence = sequence_->fetch_add(1, std::memory_order_relaxed) + 1;
  const std::size_t length = encode_body(record, process_, sequence, {body, kMaxBody});
  std::memset(body + length, 0, padded(length) - length);
  frame->length = static_cast<std::uint32_t>(length);
  frame->reserved = 0;
  frame->sequence = sequence;
  frame->first = nanoseconds(record.time);
  frame->check = check_of(*frame, body);
  frame->fold.store(1, std::memory_order_relaxed);
  // From here on the record is there; before, the bytes above are past the ring's end for whoever reads it.
  header_->head.store(head + sizeof(Frame) + padded(length), std::memory_order_release);
  return Position{head};
}

bool Ring::fold(Position position, base::WallTime time, base::Duration fold) {
  const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
  if (head - position.offset > capacity_ - sizeof(Frame) - padded(kMaxBody)) return false;  // maybe written over
  auto* frame = reinterpret_cast<Frame*>(data_ + (position.offset & (capacity_ - 1)));
  const auto since = std::chrono::nanoseconds(nanoseconds(time) - frame->first);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(since).count();
  if (since < std::chrono::nanoseconds(0) || since >= fold || micros > std::numeric_limits<std::uint32_t>::max()) {
    return false;
  }
  std::uint64_t before = frame->fold.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    if ((before & kTakenBit) != 0 || (before & kCountMask) == kCountMask) return false;
    after = static_cast<std::uint64_t>(micros) << 32 | ((before & kCountMask) + 1);
  } while (!frame->fold.compare_exchange_weak(before, after, std::memory_order_acq_rel, std::memory_order_relaxed));
  return true;
}

void Ring::miss() { header_->missed.fetch_add(1, std::memory_order_relaxed); }

void Ring::take(std::vector<Taken>& out, base::WallTime until, std::size_t max_bytes) {
  const std::uint64_t head = header_->head.load(std::memory_order_acquire);
  std::size_t bytes = 0;
  while (next_ < head) {
    const std::size_t offset = next_ & (capacity_ - 1);
    const std::size_t rest = capacity_ - offset;
    std::uint32_t length = 0;
    std::memcpy(&length, data_ + offset, sizeof length);
    if (length == kSkip && rest <= head - next_) {
      next_ += rest;
      continue;
    }
    auto* frame = reinterpret_cast<Frame*>(data_ + offset);
    const std::size_t whole = sizeof(Frame) + padded(length);
    // The length of the frame is looked at before what it says is read.
    if (rest < sizeof(Frame) || length > kMaxBody || whole > rest || whole > head - next_ ||
        frame->check != check_of(*frame, data_ + offset + sizeof(Frame))) {
      damaged_ = true;
      next_ = head;
      return;
    }
    const base::WallTime first = wall(frame->first);
    if (first >= until || (bytes > 0 && bytes + length > max_bytes)) return;
    // From now on the producer makes a new record of the same answer.
    const std::uint64_t fold = frame->fold.fetch_or(kTakenBit, std::memory_order_acq_rel);
    out.push_back({.sequence = frame->sequence,
                   .body = {data_ + offset + sizeof(Frame), length},
                   .count = std::max<std::uint64_t>(fold & kCountMask, 1),
                   .first = first,
                   .last = first + std::chrono::microseconds(fold >> 32)});
    bytes += length;
    next_ += whole;
  }
}

void Ring::release() { header_->tail.store(next_, std::memory_order_release); }
void Ring::rewind() { next_ = header_->tail.load(std::memory_order_relaxed); }
std::uint64_t Ring::missed() const { return header_->missed.load(std::memory_order_relaxed); }
std::uint64_t Ring::missed_reported() const { return header_->missed_reported.load(std::memory_order_relaxed); }
void Ring::report_missed(std::uint64_t total) { header_->missed_reported.store(total, std::memory_order_relaxed); }

bool Ring::empty() const {
  return header_->head.load(std::memory_order_acquire) == header_->tail.load(std::memory_order_acquire);
}

double Ring::fill() const {
  const std::uint64_t tail = header_->tail.load(std::memory_order_acquire);
  return static_cast<double>(header_->head.load(std::memory_order_acquire) - tail) / static_cast<double>(capacity_);
}

std::vector<std::unique_ptr<Ring>> adopt_rings(const std::string& folder, std::vector<std::string>& unreadable) {
  std::vector<std::string> paths;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == kSuffix) paths.push_back(entry->path().string());
  }
  std::ranges::sort(paths);
  std::vector<std::unique_ptr<Ring>> rings;
  for (const std::string& path : paths) {
    auto ring = Ring::adopt(path);
    if (ring) {
      rings.push_back(std::move(*ring));
    } else if (ring.error().kind != base::ErrorKind::conflict) {
      unreadable.push_back(ring.error().message);
    }
  }
  return rings;
}

}  // namespace podid::audit
