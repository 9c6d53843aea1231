// SPDX-License-Identifier: Apache-2.0
// Whether an ordinary pod of this node reaches us where it asks for the real endpoint (nmi.md §11.4): what a pod of the
// cluster's own network plugin sees is all that counts, whatever the rules say.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

// The path that the NMI alone answers, to the prober alone.
inline constexpr std::string_view kProofPath = "/podid/prove";

// Thread-safe, but for look().
class RedirectProof {
 public:
  enum class State : std::uint8_t {
    unproven,  // no prober runs here, or it has not had the time to ask
    proven,
    failed,  // a prober runs, and what it asks does not arrive
  };

  // The NMI asks from there, to try its rules (RFC 7600).
  static constexpr std::string_view kOwnSource = "192.0.0.8";

  // Probers are the pods of `ns` with the label component=podid-prober; none where it is empty. `key`: of this start alone.
  RedirectProof(std::string ns, std::string key) : ns_(std::move(ns)), key_(std::move(key)) {}

  bool is_prober(const core::Pod& pod) const;
  // The answer to a prober, from which it sees that its own question was answered, and not an earlier one; it counts.
  // Nothing for a nonce that is malformed or was the last one.
  std::optional<std::string> prove(std::string_view nonce, base::SteadyTime now);

  // The same for the NMI itself, which tries its rules: nothing is counted.
  std::optional<std::string> answer(std::string_view nonce) const;
  // By what an answer is known.
  std::string proof_of(std::string_view nonce) const;
  bool has_key() const { return !key_.empty(); }

  // To be called every few seconds, by one thread. What may be wrong is in problem().
  State look(const Snapshot& snapshot, base::SteadyTime now);
  // Why pods may be reaching something else; nothing: not known to. By the thread that looks.
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  const std::string ns_;
  const std::string key_;
  std::atomic<base::SteadyTime::rep> proven_ = 0;
  base::Mutex mutex_;
  std::string last_nonce_ PODID_GUARDED_BY(mutex_);
  base::SteadyTime running_since_{};  // the prober; as we know
  std::optional<std::string> problem_;
};

std::string_view to_string(RedirectProof::State state);

}  // namespace podid::nmi
