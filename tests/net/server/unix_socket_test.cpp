// SPDX-License-Identifier: Apache-2.0
// The server at a socket of the file system: who may open it is the file's and the peer's user's business.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "net/server/server_fixture.hpp"
#include "support/temporary_folder.hpp"

namespace podid::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Says who asked.
class WhoHandler final : public HttpHandler {
 public:
  bool try_handle(ServerRequest& request, ServerResponse& response) override {
    const auto uid = request.peer_uid();
    response.send(200, "text/plain",
                  (uid ? "uid " + std::to_string(*uid) : "tcp") + " at " + request.peer().address().to_string() + " " +
                      std::to_string(request.local().port()));
    return true;
  }
  base::Task<> handle(ServerRequest&, ServerResponse&) override { co_return; }
};

class UnixSocketTest : public ::testing::Test {
 protected:
  ~UnixSocketTest() override { test::run_task(io, server.stop(Deadline::passed())); }

  // What is answered; "" where nobody answers.
  std::string ask() {
    test::RawClient client(io.get_executor());
    if (!client.connect_unix(path)) return "";
    try {
      test::run_task(io, client.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    } catch (const boost::system::system_error&) {
      return "";  // closed already
    }
    return test::run_task(io, client.read_to_end());
  }
  unsigned mode() const {
    struct stat there{};
    EXPECT_EQ(::stat(path.c_str(), &there), 0);
    return there.st_mode & 0777u;
  }

  base::asio::io_context io;
  test::FakeClock clock;
  WhoHandler handler;
  HttpServer server{io.get_executor(), clock, handler, {}};
  test::TemporaryFolder folder;
  const std::string path = folder.file("host.sock");
  const std::uint32_t me = ::geteuid();
};

TEST_F(UnixSocketTest, TheOwnersProcessesAreServed) {
  ASSERT_TRUE(server.listen_unix({.path = path, .uids = {me}}));
  EXPECT_EQ(mode(), 0600u);
  const std::string answer = ask();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("uid " + std::to_string(me) + " at 127.0.0.1 0"));
}

TEST_F(UnixSocketTest, NobodyElseIs) {
  ASSERT_TRUE(server.listen_unix({.path = path, .uids = {me + 4711}}));
  EXPECT_EQ(mode(), 0666u) << "others must be able to open it";
  EXPECT_EQ(ask(), "");
  EXPECT_EQ(server.statistics().refused_connections, 1u);
}

TEST_F(UnixSocketTest, WhatAFormerProcessLeftIsReplacedAndNothingElse) {
  {
    HttpServer former(io.get_executor(), clock, handler, {});
    ASSERT_TRUE(former.listen_unix({.path = path, .uids = {me}}));
    test::run_task(io, former.stop(Deadline::passed()));
  }
  ASSERT_TRUE(server.listen_unix({.path = path, .uids = {me}}));
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200 "));
  const std::string file = folder.file("file");
  ASSERT_TRUE(base::write_file(file, "precious"));
  const auto refused = server.listen_unix({.path = file, .uids = {me}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("it is no socket"));
  EXPECT_EQ(*base::read_file(file), "precious");
  EXPECT_FALSE(server.listen_unix({.path = folder.file("no/such/folder"), .uids = {me}}));
  EXPECT_FALSE(server.listen_unix({.path = folder.file(std::string(200, 'x')), .uids = {me}}));
  EXPECT_FALSE(server.listen_unix({.path = "", .uids = {me}}));
}

}  // namespace
}  // namespace podid::net
