// SPDX-License-Identifier: Apache-2.0
// The half of the NMI that may change the node: it keeps the redirect, and takes nothing from the network.
#pragma once
#include <functional>
#include <string>

#include "base/event.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "nmi/link/link_socket.hpp"
#include "nmi/redirect/keeper.hpp"

namespace podid::nmi {

struct KeeperOptions {
  RedirectKeeperOptions redirect;
  std::string proof_key;  // the server's answers to the rules' proof are made with it
  bool cleanup_on_exit = false;
  // Which file has the service account's token; asked only for a server that cannot read it.
  std::function<base::Result<std::string>()> token_file;
};

// One executor. References outlive it; await stop() before the destructor.
class Keeper {
 public:
  // `on_failed`: the redirect cannot be put in place, ever or for longer than the keeper's patience.
  Keeper(base::Executor executor, KeeperOptions options, base::Clock& clock, base::Random& random,
         std::function<void(const base::Error&)> on_failed);

  // Before the first server. The fence is laid, as far as it can be, so that the endpoint is closed before there is
  // anybody who answers (NMI-26); when no server is ready within a few seconds, close().
  base::Task<> start();
  // Has the redirect put in place although nobody answers: pods are refused. For a server that has failed.
  void close();

  enum class End { lost, fatal };
  // Talks with one server, one after another, until its end of the link is closed: `fatal` when it has said that it
  // cannot go on. The first one that is ready has the redirect put in place, where it stays whatever becomes of servers.
  // Ends the talk with the first that it does not understand.
  base::Task<End> serve(Descriptor link);
  // To be said on a server's link before there is a server at its other end: the first that it looks for.
  base::Result<> greet(const Descriptor& link) const;
  // The server that is there is to end. With --cleanup-on-exit the rules go as soon as no request is in flight.
  void drain();
  // Ends the talk with the server that is there: serve() returns `lost`.
  void hang_up();
  // After serve(). Rules stay unless --cleanup-on-exit; after a failure in any case.
  base::Task<> stop();

  const RedirectKeeper& redirect() const { return redirect_; }

 private:
  void changed();
  base::Result<> take(const Received& received);
  void failed(const base::Error& error);
  base::Task<> close_later();
  base::Task<> start_redirect();
  base::Task<> stop_redirect();
  // `link` lives until they are joined, longer than link_ leads to it.
  base::Task<> publish(LinkSocket& link);
  base::Task<> hand_over_tokens(LinkSocket& link);
  KeeperState state();

  const KeeperOptions options_;
  base::Executor executor_;
  base::Clock& clock_;
  std::function<void(const base::Error&)> on_failed_;
  base::MetricsRegistry metrics_;  // of what is kept here; the server shows them
  base::Event changed_;
  std::uint64_t changes_ = 0;
  RedirectKeeper redirect_;
  bool redirect_started_ = false;
  bool is_served_ = false;  // a server is there, and ready
  bool redirect_stopped_ = false;
  bool draining_ = false;
  bool failed_ = false;
  LinkSocket* link_ = nullptr;  // to the server that is there
  End end_ = End::lost;         // how it has ended
  bool hands_over_ = false;     // it has asked for tokens
  base::TaskGroup* with_server_ = nullptr;
  // Last: they end before what they use.
  base::TaskGroup waiting_;
  base::TaskGroup starting_;
  base::TaskGroup stopping_;
};

}  // namespace podid::nmi
