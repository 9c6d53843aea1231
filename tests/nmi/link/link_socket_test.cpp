// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/link_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "base/file.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class LinkSocketTest : public ::testing::Test {
 protected:
  LinkSocketTest() {
    base::Result<LinkPair> made = make_link();
    EXPECT_TRUE(made);
    pair = std::move(*made);
  }
  LinkPair pair;
  base::asio::io_context io{1};
};

TEST_F(LinkSocketTest, MessagesStayApartAndInOrder) {
  LinkSocket keeper(io.get_executor(), std::move(pair.keeper));
  LinkSocket server(io.get_executor(), std::move(pair.server));
  ASSERT_TRUE(server.send(Ready{.wants_token = true}));
  ASSERT_TRUE(server.send(Drained{}));
  EXPECT_EQ(test::run_task(io, keeper.receive())->message, Message(Ready{.wants_token = true}));
  EXPECT_EQ(test::run_task(io, keeper.receive())->message, Message(Drained{}));
}

TEST_F(LinkSocketTest, LastWordsOfWhoReadNothingArrive) {
  LinkSocket keeper(io.get_executor(), std::move(pair.keeper));
  ASSERT_TRUE(keeper.send(Drain{}));
  ASSERT_TRUE(send_message(pair.server.get(), Fatal{}));
  pair.server = Descriptor();
  const base::Result<Received> last = test::run_task(io, keeper.receive());
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(last->message, Message(Fatal{}));
  EXPECT_EQ(test::run_task(io, keeper.receive()).error().kind, base::ErrorKind::gone);
}

TEST_F(LinkSocketTest, ADescriptorComesAlong) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(base::write_file(folder.file("token"), "secret"));
  const Descriptor file(::open(folder.file("token").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(send_message(pair.keeper.get(), HandedToken{}, file.get()));
  base::Result<Received> received = receive_message(pair.server.get());
  ASSERT_TRUE(received);
  ASSERT_TRUE(received->descriptor);
  EXPECT_NE(received->descriptor.get(), file.get());
  std::array<char, 16> content{};
  EXPECT_EQ(::read(received->descriptor.get(), content.data(), content.size()), 6);
}

TEST_F(LinkSocketTest, OfSeveralDescriptorsNoneStaysOpen) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const std::string message = encode(Drained{});
  const std::array<int, 2> two{pair.server.get(), pair.server.get()};
  const auto before = open_files();
  iovec data{.iov_base = const_cast<char*>(message.data()), .iov_len = message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof two)> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof two);
  std::memcpy(CMSG_DATA(rights), two.data(), sizeof two);
  ASSERT_GT(::sendmsg(pair.server.get(), &header, 0), 0);
  EXPECT_FALSE(receive_message(pair.keeper.get())) << "not understood";
  EXPECT_EQ(open_files(), before);
}

TEST_F(LinkSocketTest, NothingYetIsToldFromTheEnd) {
  const base::Result<Received> nothing = receive_message(pair.server.get());
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, base::ErrorKind::unavailable);
  ASSERT_TRUE(send_message(pair.keeper.get(), Drain{}));
  pair.keeper = Descriptor();
  EXPECT_TRUE(receive_message(pair.server.get())) << "what was said before the end";
  const base::Result<Received> end = receive_message(pair.server.get());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, base::ErrorKind::gone);
  const base::Result<> sent = send_message(pair.server.get(), Drained{});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, base::ErrorKind::gone);
}

TEST_F(LinkSocketTest, WhoDoesNotReadHoldsNobodyUp) {
  base::Result<> sent;
  for (int i = 0; i < 100'000 && sent; ++i) sent = send_message(pair.keeper.get(), Drain{});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, base::ErrorKind::throttled);
}

TEST_F(LinkSocketTest, JunkIsRefused) {
  for (const std::string& junk : {std::string("x"), std::string(kMostMessageBytes + 1, '\1'), std::string(64, '\0')}) {
    ASSERT_EQ(::send(pair.keeper.get(), junk.data(), junk.size(), 0), static_cast<ssize_t>(junk.size()));
    const base::Result<Received> received = receive_message(pair.server.get());
    ASSERT_FALSE(received);
    EXPECT_NE(received.error().kind, base::ErrorKind::gone) << junk.size();
    EXPECT_NE(received.error().kind, base::ErrorKind::unavailable) << junk.size();
  }
}

}  // namespace
}  // namespace podid::nmi
