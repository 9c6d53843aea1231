// SPDX-License-Identifier: Apache-2.0
// What the keeper tells a server, and what it takes from one. Without a redirect, and with no process.
#include "nmi/keeper/keeper.hpp"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>

#include "base/file.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class KeeperTest : public ::testing::Test {
 protected:
  KeeperTest() {
    EXPECT_TRUE(base::write_file(folder.file("token"), "first"));
    KeeperOptions options;
    options.redirect.redirect.backend = "none";
    options.token_file = [this]() -> base::Result<std::string> { return folder.file("token"); };
    keeper = std::make_unique<Keeper>(io.get_executor(), options, clock, random,
                                      [](const base::Error& error) { ADD_FAILURE() << error.message; });
    new_server();
  }
  ~KeeperTest() override {
    server = Descriptor();
    EXPECT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
    test::run_task(io, keeper->stop());
  }
  void new_server() {
    base::Result<LinkPair> link = make_link();
    EXPECT_TRUE(link);
    server = std::move(link->server);
    EXPECT_TRUE(keeper->greet(link->keeper));
    end.reset();
    base::asio::co_spawn(io, keeper->serve(std::move(link->keeper)),
                         [this](const std::exception_ptr&, Keeper::End how) { end = how; });
  }
  void say(const Message& message) {
    const base::Result<> sent = send_message(server.get(), message);
    EXPECT_TRUE(sent) << sent.error().message;
  }
  // Waits for it.
  Received next() {
    std::optional<Received> got;
    EXPECT_TRUE(test::run_until(io, [&] {
      base::Result<Received> received = receive_message(server.get());
      if (received) got = std::move(*received);
      return got.has_value();
    }));
    return got ? std::move(*got) : Received{.message = Drain{}, .descriptor = Descriptor()};
  }
  template <class T>
  T next_is() {
    const Received received = next();
    const T* message = std::get_if<T>(&received.message);
    EXPECT_NE(message, nullptr) << "another message: " << received.message.index();
    return message == nullptr ? T{} : *message;
  }
  // What the server has said is not read to the end.
  bool is_still_talking() const {
    int unread = 0;
    return ::ioctl(server.get(), SIOCOUTQ, &unread) == 0 && unread > 0;
  }
  static std::string content_of(const Descriptor& file) {
    std::array<char, 64> content{};
    const ssize_t n = ::pread(file.get(), content.data(), content.size(), 0);
    return n < 0 ? "" : std::string(content.data(), static_cast<std::size_t>(n));
  }

  test::TemporaryFolder folder;
  test::FakeClock clock;
  test::SeededRandom random{1};
  base::asio::io_context io{1};
  std::unique_ptr<Keeper> keeper;
  Descriptor server;  // its end of the link
  std::optional<Keeper::End> end;
};

TEST_F(KeeperTest, TheRedirectIsPutInPlaceWhenTheServerListens) {
  EXPECT_EQ(next_is<Hello>().keeper, static_cast<std::uint32_t>(::getpid()));
  EXPECT_FALSE(next_is<KeeperState>().active);
  EXPECT_FALSE(keeper->redirect().active());
  say(Ready{});
  EXPECT_TRUE(next_is<KeeperState>().active);
  EXPECT_TRUE(keeper->redirect().active());
}

TEST_F(KeeperTest, TheRedirectIsPutInPlaceAlsoWhenNoServerListens) {
  test::run_task(io, keeper->start());
  next_is<Hello>();
  EXPECT_FALSE(next_is<KeeperState>().active);
  ASSERT_TRUE(test::run_until(io, [this] { return clock.sleepers() == 1; }));
  clock.advance(std::chrono::seconds(5));
  EXPECT_TRUE(next_is<KeeperState>().active);
}

TEST_F(KeeperTest, AServerThatEndsLeavesTheRedirectAndTheNextOneIsToldOfIt) {
  say(Ready{});
  ASSERT_TRUE(test::run_until(io, [this] { return keeper->redirect().active(); }));
  server = Descriptor();
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  EXPECT_EQ(end, Keeper::End::lost);
  EXPECT_TRUE(keeper->redirect().active());
  new_server();
  next_is<Hello>();
  EXPECT_TRUE(next_is<KeeperState>().active);
}

TEST_F(KeeperTest, AServerThatCannotGoOnSaysSo) {
  say(Fatal{});
  server = Descriptor();
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  EXPECT_EQ(end, Keeper::End::fatal);
  EXPECT_FALSE(keeper->redirect().active());
}

TEST_F(KeeperTest, AServerThatTalksNonsenseLosesItsLink) {
  const std::string nonsense = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_GT(::send(server.get(), nonsense.data(), nonsense.size(), 0), 0);
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  EXPECT_EQ(end, Keeper::End::lost);
  EXPECT_FALSE(keeper->redirect().active()) << "it was not asked for";
}

TEST_F(KeeperTest, ATokenIsHandedOverAndAgainWhenItIsReplaced) {
  next_is<Hello>();
  next_is<KeeperState>();
  say(Ready{.wants_token = true});
  // In either order.
  std::vector<Received> both;
  both.push_back(next());
  both.push_back(next());
  const bool token_first = std::holds_alternative<HandedToken>(both[0].message);
  const Received& token = both[token_first ? 0 : 1];
  ASSERT_TRUE(std::holds_alternative<HandedToken>(token.message));
  EXPECT_EQ(content_of(token.descriptor), "first");
  ASSERT_TRUE(test::run_until(io, [this] { return clock.sleepers() >= 2; }));  // NoRedirect's is the other
  ASSERT_TRUE(base::write_file(folder.file("token"), "second"));
  clock.advance(std::chrono::minutes(1));
  const Received replaced = next();
  ASSERT_TRUE(std::holds_alternative<HandedToken>(replaced.message));
  EXPECT_EQ(content_of(replaced.descriptor), "second");
}

TEST_F(KeeperTest, ATokenThatNobodyAskedForIsNotOpened) {
  next_is<Hello>();
  next_is<KeeperState>();
  say(Ready{.wants_token = false});
  EXPECT_TRUE(next_is<KeeperState>().active);
  clock.advance(std::chrono::minutes(5));
  io.restart();
  io.poll();
  EXPECT_EQ(receive_message(server.get()).error().kind, base::ErrorKind::unavailable);
}

TEST_F(KeeperTest, AServerMayEndInTheMomentInWhichItIsToBeToldSomething) {
  say(Ready{.wants_token = true});
  ASSERT_TRUE(test::run_until(io, [this] { return clock.sleepers() >= 2; }));  // NoRedirect's is the other
  ASSERT_TRUE(base::write_file(folder.file("token"), "second"));
  server = Descriptor();
  base::asio::post(io, [this] { clock.advance(std::chrono::minutes(1)); });
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  EXPECT_EQ(end, Keeper::End::lost);
}

TEST_F(KeeperTest, HelloIsThereBeforeTheServerIs) {
  const base::Result<Received> first = receive_message(server.get());  // nothing has run yet
  ASSERT_TRUE(first);
  EXPECT_TRUE(std::holds_alternative<Hello>(first->message));
}

TEST_F(KeeperTest, AServerThatSpeaksAsTheKeeperLosesItsLink) {
  for (const Message& message : std::initializer_list<Message>{Hello{}, KeeperState{}, HandedToken{}, Drain{}}) {
    say(message);
    ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); })) << message.index();
    EXPECT_EQ(end, Keeper::End::lost);
    new_server();
  }
}

TEST_F(KeeperTest, AServerThatSendsADescriptorLosesItsLink) {
  const base::Result<> sent = send_message(server.get(), Drained{}, server.get());
  ASSERT_TRUE(sent);
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  EXPECT_EQ(end, Keeper::End::lost);
}

TEST_F(KeeperTest, AServerThatAsksForTokensTwiceGetsThemOnce) {
  next_is<Hello>();
  next_is<KeeperState>();
  say(Ready{.wants_token = true});
  say(Ready{.wants_token = true});
  int tokens = 0;
  test::run_until(io, [this] { return keeper->redirect().active(); });
  io.restart();
  io.poll();
  for (base::Result<Received> got = receive_message(server.get()); got; got = receive_message(server.get())) {
    if (std::holds_alternative<HandedToken>(got->message)) ++tokens;
  }
  EXPECT_EQ(tokens, 1);
}

TEST_F(KeeperTest, AServerThatTalksWithoutEndHoldsNothingUp) {
  say(Ready{});
  for (int i = 0; i < 50; ++i) say(Drained{});
  io.restart();
  while (!keeper->redirect().active() && io.poll_one() > 0) {
  }
  EXPECT_TRUE(is_still_talking()) << "what else is to be done was done before all was read";
}

TEST_F(KeeperTest, WhoIsToEndIsToldAlsoWhenItComesLater) {
  next_is<Hello>();
  next_is<KeeperState>();
  keeper->drain();
  next_is<Drain>();
  server = Descriptor();
  ASSERT_TRUE(test::run_until(io, [this] { return end.has_value(); }));
  new_server();
  next_is<Hello>();
  next_is<KeeperState>();
  next_is<Drain>();
}

}  // namespace
}  // namespace podid::nmi
