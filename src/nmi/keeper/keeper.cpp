// SPDX-License-Identifier: Apache-2.0
#include "nmi/keeper/keeper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

#include "base/log.hpp"

namespace podid::nmi {
namespace {

// A server that reads nothing is told when it does.
constexpr std::chrono::milliseconds kTellAgain{100};
// The kubelet replaces a token when a fifth of its life is left, minutes at the least.
constexpr std::chrono::minutes kLookAtToken{1};
// A server listens within a second; a node on which none does is closed without it.
constexpr std::chrono::seconds kWaitForServer{5};

RedirectKeeperOptions joined(RedirectKeeperOptions options, std::function<void()> on_change,
                             std::function<bool()> is_served) {
  options.on_change = std::move(on_change);
  options.is_served = std::move(is_served);
  return options;
}

}  // namespace

Keeper::Keeper(base::Executor executor, KeeperOptions options, base::Clock& clock, base::Random& random,
               std::function<void(const base::Error&)> on_failed)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      on_failed_(std::move(on_failed)),
      changed_(executor),
      redirect_(executor,
                joined(
                    options_.redirect, [this] { changed(); }, [this] { return is_served_; }),
                clock, random, metrics_, [this](const base::Error& error) { failed(error); }),
      waiting_(executor),
      starting_(executor),
      stopping_(executor) {}

base::Task<> Keeper::start() {
  co_await redirect_.close();
  waiting_.spawn("wait for a server", close_later());
}

base::Task<> Keeper::close_later() {
  co_await clock_.sleep_for(kWaitForServer);
  close();
}

void Keeper::close() {
  if (redirect_stopped_ || std::exchange(redirect_started_, true)) return;
  starting_.spawn("put the redirect in place", start_redirect());
}

void Keeper::changed() {
  ++changes_;
  changed_.notify();
}

void Keeper::failed(const base::Error& error) {
  failed_ = true;
  on_failed_(error);
}

KeeperState Keeper::state() {
  return {.active = redirect_.active(), .problem = redirect_.not_ready().value_or(""), .measured = measure(metrics_)};
}

base::Task<Keeper::End> Keeper::serve(Descriptor link) {
  LinkSocket socket(executor_, std::move(link));
  base::TaskGroup with_server(executor_);
  link_ = &socket;
  with_server_ = &with_server;
  end_ = End::lost;
  hands_over_ = false;
  with_server.spawn("tell the server", publish(socket));
  if (draining_) drain();
  for (;;) {
    base::Result<Received> received = co_await socket.receive();
    if (!received && received.error().kind == base::ErrorKind::gone) break;
    base::Result<> taken = received ? take(*received) : std::unexpected(std::move(received.error()));
    if (!taken) {
      // A server that says what no server says is not ours any more. Without the link it ends.
      base::log::error("the server is not understood", {{"error", taken.error()}});
      break;
    }
    // One that never stops talking keeps nothing else from its turn.
    co_await base::asio::post(executor_, base::use_task);
  }
  is_served_ = false;
  link_ = nullptr;
  with_server_ = nullptr;
  with_server.stop();
  co_await with_server.join();
  co_return end_;
}

base::Result<> Keeper::greet(const Descriptor& link) const {
  return send_message(link.get(),
                      Hello{.keeper = static_cast<std::uint32_t>(::getpid()), .proof_key = options_.proof_key});
}

base::Result<> Keeper::take(const Received& received) {
  if (received.descriptor) return base::fail(base::ErrorKind::invalid, "a descriptor from the server");
  if (const auto* ready = std::get_if<Ready>(&received.message)) {
    is_served_ = true;
    close();
    if (ready->wants_token && !std::exchange(hands_over_, true)) {
      with_server_->spawn("hand over tokens", hand_over_tokens(*link_));
    }
  } else if (std::holds_alternative<Drained>(received.message)) {
    if (draining_) stopping_.spawn("remove the redirect", stop_redirect());
  } else if (std::holds_alternative<Proven>(received.message)) {
    redirect_.proven();
  } else if (std::holds_alternative<Fatal>(received.message)) {
    end_ = End::fatal;
    failed_ = true;
  } else {
    return base::fail(base::ErrorKind::invalid, "the server says what a keeper says");
  }
  return {};
}

base::Task<> Keeper::start_redirect() {
  const base::Result<> started = co_await redirect_.start();
  if (!started) failed(started.error());
}

base::Task<> Keeper::publish(LinkSocket& link) {
  for (;;) {
    const std::uint64_t told = changes_;
    const base::Result<> sent = link.send(state());
    if (!sent) {
      if (sent.error().kind != base::ErrorKind::throttled) co_return;  // serve() notices as well
      co_await clock_.sleep_for(kTellAgain);
      continue;
    }
    while (changes_ == told) co_await changed_.wait();
  }
}

base::Task<> Keeper::hand_over_tokens(LinkSocket& link) {
  const base::Result<std::string> path = options_.token_file();
  if (!path) {
    base::log::error("the server cannot read the service account's token, and it is not found here",
                     {{"error", path.error()}});
    co_return;
  }
  base::log::info("the server cannot read the service account's token: it gets it from here", {{"file", *path}});
  struct stat last{};
  for (;;) {
    const Descriptor file(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat now{};
    if (file && ::fstat(file.get(), &now) == 0 &&
        (now.st_ino != last.st_ino || now.st_dev != last.st_dev || now.st_mtim.tv_sec != last.st_mtim.tv_sec ||
         now.st_mtim.tv_nsec != last.st_mtim.tv_nsec)) {
      const base::Result<> sent = link.send(HandedToken{}, file.get());
      if (sent) last = now;
    }
    co_await clock_.sleep_for(kLookAtToken);
  }
}

void Keeper::drain() {
  draining_ = true;
  if (link_ == nullptr) return;
  const base::Result<> sent = link_->send(Drain{});
  if (!sent) base::log::warning("the server was not told to end", {{"error", sent.error()}});
}

void Keeper::hang_up() {
  if (link_ != nullptr) link_->shut_down();
}

base::Task<> Keeper::stop_redirect() {
  if (std::exchange(redirect_stopped_, true)) co_return;
  co_await starting_.join();  // what is half in place could not be removed
  const auto rules =
      options_.cleanup_on_exit && !failed_ ? RedirectKeeper::Rules::are_removed : RedirectKeeper::Rules::stay;
  const base::Result<> removed = co_await redirect_.stop(rules);
  if (!removed) base::log::error("redirect cannot be removed", {{"error", removed.error()}});
}

base::Task<> Keeper::stop() {
  waiting_.stop();
  co_await waiting_.join();
  co_await stop_redirect();
  co_await stopping_.join();
}

}  // namespace podid::nmi
