// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/keeper.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "nmi/redirect/conntrack.hpp"

namespace podid::nmi {
namespace {

const base::BackoffOptions kRetry{.initial = std::chrono::milliseconds(100),
                                  .limit = std::chrono::milliseconds(10'000)};
// Repairs are made at once. Against somebody who keeps destroying the rules there is a pause after so many without a calm
// of this length in between; it is short, as the way to the real endpoint may be open meanwhile.
constexpr int kRepairsAtOnce = 5;
constexpr std::chrono::milliseconds kLongestRepairPause{100};
constexpr std::chrono::seconds kCalm{10};
constexpr std::chrono::seconds kProofInterval{10};
// One who knows it says so every 2 s.
constexpr std::chrono::seconds kProvenFor{10};

constexpr std::string_view kUntrue =
    "the redirect is in place, but packets like a pod's do not reach us by it: somebody's rule stands before ours, or "
    "a "
    "firewall of the node refuses them (source 192.0.0.8; --self-proof=false leaves these tries out)";

bool with_rules(const RedirectKeeperOptions& options) { return options.redirect.backend != "none"; }

}  // namespace

RedirectKeeper::RedirectKeeper(base::Executor executor, RedirectKeeperOptions options, base::Clock& clock,
                               base::Random& random, base::MetricsRegistry& metrics,
                               std::function<void(const base::Error&)> on_failed)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      random_(random),
      on_failed_(std::move(on_failed)),
      active_gauge_(metrics.gauge(base::metric::kNmiRedirectActive).find_or_add()),
      repairs_(metrics.counter(base::metric::kNmiRedirectRepairs)),
      errors_(metrics.counter(base::metric::kNmiRedirectErrors)),
      needs_interfaces_(options_.redirect.backend != "none" && uses_loopback(options_.redirect.target) &&
                        !options_.interfaces.none()),
      interfaces_(executor, options_.interfaces, [this] { changed(); }),
      fence_(executor, with_rules(options_) ? options_.fence : FenceOptions{.priority = 0}, options_.redirect.target,
             options_.interfaces, clock, random, metrics, [this] { changed(); }),
      self_proof_(executor, options_.redirect.target, options_.expected_proof, random),
      tasks_(executor) {}

void RedirectKeeper::set_active(bool active, std::string problem) {
  active_ = active;
  problem_ = std::move(problem);
  active_gauge_->set(this->active() ? 1 : 0);
  changed();
}

void RedirectKeeper::changed() const {
  if (options_.on_change) options_.on_change();
}

std::optional<std::string> RedirectKeeper::not_ready() const {
  if (!active_) return problem_;
  if (!untrue_.empty()) return untrue_;
  if (needs_interfaces_ && !interfaces_.problem().empty()) return interfaces_.problem();
  if (!fence_.problem().empty()) return fence_.problem();
  return std::nullopt;
}

void RedirectKeeper::failed(const base::Error& error) {
  errors_.increment();
  set_active(false, error.message);
  base::log::error("redirect cannot be put in place", {{"error", error}});
  const base::SteadyTime now = clock_.steady_now();
  failing_since_ = std::min(failing_since_, now);
  if (now - failing_since_ > options_.patience) on_failed_(error);
}

base::Task<base::Result<>> RedirectKeeper::install() {
  if (!redirect_) {
    base::Result<std::unique_ptr<Redirect>> installed = co_await install_redirect(options_.redirect, clock_, random_);
    if (!installed) co_return std::unexpected(std::move(installed.error()));
    redirect_ = std::move(*installed);
    tasks_.spawn("replace earlier redirect", replace_predecessors());  // off the way of the first request
  } else {
    base::Result<> installed = co_await redirect_->install();
    if (!installed) co_return installed;
  }
  const bool with_rules = redirect_->name() != "none";
  if (with_rules && options_.conntrack_deletion) {
    const base::Result<std::size_t> cut = co_await delete_stale_connections(options_.redirect.target);
    if (!cut) base::log::warning("older connections cannot be cut, the rules drop them", {{"error", cut.error()}});
    if (cut && *cut > 0) base::log::info("connections older than the redirect cut", {{"count", *cut}});
  }
  failing_since_ = base::SteadyTime::max();
  if (!active_) base::log::info("redirect is in place", {{"backend", redirect_->name()}});
  set_active(true, {});
  co_return base::Result<>{};
}

base::Task<> RedirectKeeper::close() {
  if (with_rules(options_)) co_await fence_.start();
}

base::Task<base::Result<>> RedirectKeeper::start() {
  base::Result<> installed = co_await install();
  if (!installed) {
    if (is_hopeless(installed.error())) co_return base::fail(std::move(installed.error()), "redirect");
    failed(installed.error());
  }
  tasks_.spawn("keep redirect", keep());
  if (needs_interfaces_) tasks_.spawn("keep pod interfaces", keep_interfaces());
  if (with_rules(options_) && options_.expected_proof) tasks_.spawn("try the rules", keep_proven());
  co_return base::Result<>{};
}

base::Task<> RedirectKeeper::replace_predecessors() { co_await redirect_->replace_predecessors(); }

base::Task<> RedirectKeeper::keep() {
  base::Backoff backoff(kRetry, random_);
  base::SteadyTime last_repair{};
  for (;;) {
    base::Result<> done;
    const bool repairing = active_;
    if (repairing) {
      done = co_await redirect_->wait_for_damage();
      if (done) {
        repairs_.increment();
        base::log::warning("redirect was altered, putting it back", {{"backend", redirect_->name()}});
        set_active(false, "the redirect was altered and is being put back");
      }
    }
    if (done) {
      const base::SteadyTime now = clock_.steady_now();
      if (now - last_repair > kCalm) backoff.reset();
      last_repair = now;
      const bool at_once = backoff.attempts() < kRepairsAtOnce;
      const std::chrono::milliseconds pause = backoff.next();
      if (!at_once) co_await clock_.sleep_for(repairing ? std::min(pause, kLongestRepairPause) : pause);
      done = co_await install();
    }
    if (done) continue;
    if (done.error().kind == base::ErrorKind::cancelled) co_return;
    failed(done.error());
  }
}

base::Task<> RedirectKeeper::keep_interfaces() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> ended = co_await interfaces_.keep_open();
    errors_.increment();
    changed();
    base::log::error("route_localnet cannot be set on pod interfaces", {{"error", ended.error()}});
    co_await clock_.sleep_for(backoff.next());
  }
}

void RedirectKeeper::proven() { proven_at_ = clock_.steady_now(); }

bool RedirectKeeper::is_proven() const {
  return proven_at_ != base::SteadyTime{} && clock_.steady_now() - proven_at_ <= kProvenFor;
}

base::Task<base::Result<bool>> RedirectKeeper::try_rules() {
  if (!self_proof_.is_open() || !self_proof_.has_links()) {
    const base::Result<> opened = co_await self_proof_.open();
    if (!opened) co_return std::unexpected(opened.error());
  }
  if (self_proof_.holds()) co_return true;
  // Perhaps somebody has taken away its route or its neighbour.
  const base::Result<> connected = co_await self_proof_.connect();
  if (!connected) co_return std::unexpected(connected.error());
  co_return self_proof_.holds();
}

base::Task<> RedirectKeeper::keep_proven() {
  for (;;) {
    if (active_ && (!options_.is_served || options_.is_served())) {
      const base::Result<bool> tried = co_await try_rules();
      if (!tried && tried.error().kind == base::ErrorKind::cancelled) co_return;
      if (!tried) {
        base::log::warning("the rules cannot be tried: that they are in place is all that is known",
                           {{"error", tried.error()}});
      }
      const bool failed = tried && !*tried;
      const bool outranked = failed && is_proven();
      if (!std::exchange(told_outranked_, outranked) && outranked) {
        base::log::warning(
            "packets like a pod's from 192.0.0.8 do not reach us by the redirect, but the prober's do: perhaps a "
            "firewall of the node refuses that address; --self-proof=false leaves these tries out");
      }
      const bool before = untrue_.empty();
      untrue_ = failed && !outranked ? std::string(kUntrue) : std::string();
      active_gauge_->set(active() ? 1 : 0);
      changed();
      if (!before && untrue_.empty()) base::log::info("redirect leads to us again");
      if (!untrue_.empty()) {
        errors_.increment();
        if (before) base::log::error("redirect does not lead to us, putting it in place anew", {{"problem", untrue_}});
        // Beside keep(), which may do the same: each is one transaction, and the last one counts.
        const base::Result<> installed = co_await install();
        if (!installed && installed.error().kind == base::ErrorKind::cancelled) co_return;
        if (!installed) {
          // What is there already stays, watched by keep(), which alone says that the rules are not in place.
          errors_.increment();
          changed();
          base::log::error("redirect cannot be put in place anew", {{"error", installed.error()}});
        }
      }
      if (!tried && is_hopeless(tried.error())) co_return;
    }
    co_await clock_.sleep_for(kProofInterval);
  }
}

base::Task<base::Result<>> RedirectKeeper::stop(Rules rules) {
  tasks_.stop();
  co_await tasks_.join();
  co_await fence_.stop();
  if (with_rules(options_) && options_.expected_proof) {
    self_proof_.close();
    const base::Result<> removed = co_await remove_self_proof();
    if (!removed) base::log::warning("the proof's veth stays behind", {{"error", removed.error()}});
  }
  if (rules == Rules::stay || !with_rules(options_)) co_return base::Result<>{};
  if (!redirect_) {
    base::Result<> opened = co_await fence_.remove();
    co_return opened;
  }
  // Without our rules an open loopback would stay open, so it is closed first.
  base::Result<> closed = co_await interfaces_.close_opened();
  base::Result<> removed = co_await redirect_->remove();
  const base::Result<> opened = co_await fence_.remove();
  if (removed) removed = opened;
  if (removed) set_active(false, "the redirect was removed");
  co_return removed ? closed : removed;
}

}  // namespace podid::nmi
