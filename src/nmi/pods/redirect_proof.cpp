// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/redirect_proof.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace podid::nmi {
namespace {

constexpr std::string_view kComponent = "podid-prober";
constexpr std::size_t kLeastNonce = 16;
constexpr std::size_t kMostNonce = 64;
// Three of the prober's intervals: one lost question proves nothing.
constexpr std::chrono::seconds kPatience{30};

bool is_nonce(std::string_view text) {
  const auto is_hex = [](unsigned char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() >= kLeastNonce && text.size() <= kMostNonce && std::ranges::all_of(text, is_hex);
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest.at(i));
  return hex;
}

}  // namespace

std::string_view to_string(RedirectProof::State state) {
  switch (state) {
    case RedirectProof::State::proven:
      return "proven";
    case RedirectProof::State::failed:
      return "failed";
    case RedirectProof::State::unproven:
      break;
  }
  return "unproven";
}

bool RedirectProof::is_prober(const core::Pod& pod) const {
  // One on the node's network goes another way.
  if (ns_.empty() || pod.ns != ns_ || pod.host_network) return false;
  const auto label = pod.labels.find("component");
  return label != pod.labels.end() && label->second == kComponent;
}

std::optional<std::string> RedirectProof::prove(std::string_view nonce, base::SteadyTime now) {
  if (!is_nonce(nonce)) return std::nullopt;
  {
    const base::MutexLock lock(mutex_);
    if (last_nonce_ == nonce) return std::nullopt;
    last_nonce_ = nonce;
  }
  proven_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return answer(nonce);
}

std::optional<std::string> RedirectProof::answer(std::string_view nonce) const {
  if (!is_nonce(nonce)) return std::nullopt;
  return fmt::format(R"({{"nonce":"{}","proof":"{}"}})", nonce, proof_of(nonce));
}

std::string RedirectProof::proof_of(std::string_view nonce) const { return hmac(key_, nonce); }

RedirectProof::State RedirectProof::look(const Snapshot& snapshot, base::SteadyTime now) {
  const bool runs = snapshot.has_pod([this](const core::Pod& pod) {
    return is_prober(pod) && pod.phase == "Running" && !pod.deleting() && !pod.pod_ips.empty();
  });
  problem_.reset();
  if (!runs) {
    running_since_ = {};
    return State::unproven;
  }
  if (running_since_ == base::SteadyTime{}) running_since_ = now;
  const base::SteadyTime proven(base::SteadyTime::duration(proven_.load(std::memory_order_relaxed)));
  if (proven != base::SteadyTime{} && now - proven <= kPatience) return State::proven;
  if (now - std::max(running_since_, proven) <= kPatience) {
    problem_ = "the prober on this node has not asked through the redirect yet";
    return State::unproven;
  }
  problem_ =
      "the redirect is not proven: nothing of what the prober on this node asks the metadata endpoint arrives here, so "
      "pods' requests may reach the real one";
  return State::failed;
}

}  // namespace podid::nmi
