// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/address_doubt.hpp"

#include "base/backoff.hpp"
#include "base/log.hpp"

namespace podid::nmi {
namespace {

constexpr base::BackoffOptions kRetry{.initial = std::chrono::milliseconds(20), .limit = std::chrono::seconds(5)};

constexpr int kQuietAttempts = 3;

}  // namespace

AddressDoubt::AddressDoubt(base::Executor executor, Ask ask, SnapshotSource& source, base::Clock& clock,
                           base::Random& random)
    : ask_(std::move(ask)), source_(source), clock_(clock), random_(random), tasks_(executor) {}

base::Task<> AddressDoubt::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void AddressDoubt::interface_appeared() {
  ++appeared_;
  const bool awaiting_kubelet = source_.unreported();
  source_.set_unreported(true);
  if (std::exchange(resolving_, true)) return;
  source_.set_doubt(clock_.steady_now());
  tasks_.spawn("settle doubt about addresses", resolve());
  if (!awaiting_kubelet) tasks_.spawn("await the kubelet's word", await_kubelet());
}

base::Task<> AddressDoubt::resolve() {
  std::uint64_t seen = 0;
  do {
    seen = appeared_;
    co_await until_confirmed();
  } while (seen != appeared_);
  resolving_ = false;
  resolved_at_ = clock_.steady_now();
  source_.set_doubt({});
}

base::Task<> AddressDoubt::await_kubelet() {
  std::uint64_t seen = 0;
  do {
    while (resolving_ || clock_.steady_now() < resolved_at_ + kStatusWait) {
      co_await clock_.sleep_until((resolving_ ? clock_.steady_now() : resolved_at_) + kStatusWait);
    }
    seen = appeared_;
    co_await until_confirmed();
  } while (seen != appeared_);
  source_.set_unreported(false);
}

base::Task<> AddressDoubt::until_confirmed() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> answered = co_await ask_();
    if (answered) co_return;
    // The watch may be a few milliseconds behind.
    if (backoff.attempts() == kQuietAttempts) {
      base::log::warning(
          "an interface has appeared and the API server has not confirmed which pods there are: until it does, pods "
          "whose address may have a new owner get no tokens",
          {{"error", answered.error()}});
    }
    co_await clock_.sleep_for(backoff.next());
  }
}

}  // namespace podid::nmi
