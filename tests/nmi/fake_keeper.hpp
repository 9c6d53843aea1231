// SPDX-License-Identifier: Apache-2.0
// The other end of a server's link, with the redirect in place from the beginning.
#pragma once
#include <gtest/gtest.h>

#include <optional>

#include "nmi/link/link_socket.hpp"

namespace podid::nmi {

class FakeKeeper {
 public:
  FakeKeeper() {
    base::Result<LinkPair> made = make_link();
    EXPECT_TRUE(made);
    pair_ = std::move(*made);
    tell(KeeperState{.active = true, .problem = {}, .measured = {{.metric = 0, .value = 1}}});
  }
  Descriptor take_server_end() { return std::move(pair_.server); }
  void tell(const Message& message, int descriptor = -1) {
    const base::Result<> sent = send_message(pair_.keeper.get(), message, descriptor);
    EXPECT_TRUE(sent) << sent.error().message;
  }
  // What the server has said next; nothing: nothing so far, or it has ended.
  std::optional<Message> next() {
    base::Result<Received> received = receive_message(pair_.keeper.get());
    if (!received) return std::nullopt;
    return std::move(received->message);
  }
  void end() { pair_.keeper = Descriptor(); }

 private:
  LinkPair pair_;
};

}  // namespace podid::nmi
