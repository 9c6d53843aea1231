// SPDX-License-Identifier: Apache-2.0
// Any bytes as the answer to a request: the client must end with a response or an error. Besides, an answer must mean the
// same however its bytes are cut.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "net/body_decoder.hpp"
#include "net/http_client.hpp"
#include "net/message_head.hpp"

namespace {

using namespace podid;
namespace asio = boost::asio;
using asio::ip::tcp;

struct World {
  base::RealClock clock;
  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  std::unique_ptr<net::HttpClient> client =
      net::HttpClient::create(io.get_executor(), clock, {.max_header_bytes = 4096, .max_body_bytes = 1 << 20}).value();
};

void request_over_a_socket(std::string_view answer) {
  static World world;
  bool ended = false;
  asio::co_spawn(world.io,
                 world.client->send({.host = "127.0.0.1", .port = world.acceptor.local_endpoint().port()},
                                    {.method = "POST"}, net::Deadline::in(world.clock, std::chrono::seconds(30))),
                 [&ended](std::exception_ptr, const auto&) { ended = true; });
  tcp::socket peer(world.io);
  world.acceptor.async_accept(peer, [&peer, answer](boost::system::error_code) {
    char request[1024];
    peer.read_some(asio::buffer(request));
    boost::system::error_code ignored;
    asio::write(peer, asio::buffer(answer), ignored);
    peer.shutdown(tcp::socket::shutdown_send, ignored);
  });
  world.io.restart();
  while (!ended) world.io.run_one();  // libFuzzer's -timeout ends a hang
  world.client->close_idle();
  peer.set_option(asio::socket_base::linger(true, 0));
}

struct Meaning {
  bool head_ok = false;
  bool body_ok = true;
  bool complete = false;
  std::string body;
  bool operator==(const Meaning&) const = default;
};

Meaning decode(std::string_view bytes, std::size_t step) {
  Meaning meaning;
  std::size_t scanned = 0;
  std::size_t head_size = 0;
  for (std::size_t n = step; head_size == 0; n += step) {
    head_size = net::find_head_end(bytes.substr(0, n), scanned);
    if (n >= bytes.size()) break;
  }
  net::MessageHead head;
  if (head_size == 0 || !net::parse_response_head(bytes.substr(0, head_size), net::AnswerTo::other_request, head))
    return meaning;
  meaning.head_ok = true;
  net::BodyDecoder decoder;
  decoder.start(head.framing, head.content_length);
  std::string_view rest = bytes.substr(head_size);
  while (!rest.empty() && !decoder.complete()) {
    const auto used = decoder.decode(rest.substr(0, step), meaning.body);
    if (!used) {
      meaning.body_ok = false;
      break;
    }
    rest.remove_prefix(*used);
  }
  meaning.complete = decoder.complete();
  return meaning;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 60'000) return 0;  // fits the socket's buffers, so that one write takes it
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (decode(bytes, 1) != decode(bytes, bytes.size() + 1)) std::abort();
  request_over_a_socket(bytes);
  return 0;
}
