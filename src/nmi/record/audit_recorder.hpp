// SPDX-License-Identifier: Apache-2.0
// One worker's pen: an answer becomes a record in its ring before it leaves.
#pragma once
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/ring.hpp"
#include "core/decide.hpp"
#include "nmi/pods/snapshot.hpp"
#include "nmi/record/audit_trail.hpp"

namespace podid::nmi {

// What there is to say of an answer to a pod that is known. Borrowed.
struct AuditedAnswer {
  using Outcome = audit::Outcome;
  Outcome outcome = Outcome::issued;
  int status = 200;
  const PodEntry* entry = nullptr;
  const core::Decision* decision = nullptr;
  const boost::asio::ip::address* peer = nullptr;
  std::string_view resource;
  base::Duration latency{};
  std::string_view check;  // not issued: what failed
  // Issued:
  bool cached = false;
  const void* token = nullptr;  // tells tokens apart
  base::WallTime expires = base::WallTime::max();
  std::string_view uti;
  std::string_view oid;
};

// Used by its worker's thread alone. Until attach(), and without a log, it records nothing. Takes no lock, makes no system call
// and allocates nothing once its buffers have grown, unless there is no room.
class AuditRecorder {
 public:
  explicit AuditRecorder(base::Clock& clock) : clock_(clock) {}

  // Before the worker's thread is made. The trail outlives the thread.
  void attach(AuditTrail& trail, unsigned worker);
  // Before the answer leaves. False: it must not leave, as there is no room for its record (--audit-failure=refuse).
  bool put(const AuditedAnswer& answer);
  // Of an answer that leaves in any case, as it gives nothing: without room it is counted as missing.
  void note(const AuditedAnswer& answer);
  AuditTrail& trail() { return *trail_; }

 private:
  // Of answers that may be one record: the same pod, token (or refusal) and connection's address.
  struct Key {
    std::uint64_t pod = 0;
    std::uint64_t what = 0;
    std::uint64_t whence = 0;
    std::int64_t expires = 0;
    const void* token = nullptr;
    bool operator==(const Key&) const = default;
  };
  struct Slot {
    Key key;
    std::optional<audit::Ring::Position> position;
  };
  static Key key_of(const AuditedAnswer& answer);
  bool try_put(const AuditedAnswer& answer);
  void fill(audit::RecordView& record, const AuditedAnswer& answer);

  base::Clock& clock_;
  AuditTrail* trail_ = nullptr;
  audit::Ring* ring_ = nullptr;
  base::Duration fold_{};
  std::array<Slot, 256> slots_{};
  // Texts of the record at hand.
  static constexpr unsigned kSourceBytes = 46;
  std::array<char, kSourceBytes> source_{};
  std::string binding_, identity_, client_id_, grant_;
};

}  // namespace podid::nmi
