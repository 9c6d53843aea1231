// SPDX-License-Identifier: Apache-2.0
// TLS on both sides, over real sockets.
#include "net/tls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>

#include "net/server/server_fixture.hpp"
#include "support/test_certificates.hpp"

namespace podid::net {
namespace {

using base::ErrorKind;
using base::Secret;
using testing::HasSubstr;
using testing::StartsWith;

TlsContext server_context(const test::TestCertificate& certificate) {
  auto context = make_server_context(
      {.certificate_chain_pem = certificate.certificate_pem, .key_pem = Secret(certificate.key_pem)});
  EXPECT_TRUE(context) << context.error().message;
  return context ? *context : nullptr;
}

class TlsTest : public test::ServerFixture {
 protected:
  TlsTest() { restart({}, server_context(ca.issue({"127.0.0.1", "localhost", "*.lab.test"}))); }

  void use(const TlsClientOptions& tls) {
    auto made = HttpClient::create(io.get_executor(), clock, {.tls = tls});
    ASSERT_TRUE(made) << made.error().message;
    client = std::move(*made);
  }
  base::Result<Response> get(const std::string& target, const std::string& host = "127.0.0.1") {
    return test::run_task(
        io, client->send({.tls = true, .host = host, .port = endpoint.port()}, {.target = target}, test::soon()));
  }
  base::Error failure() {
    auto response = get("/fast");
    EXPECT_FALSE(response);
    return response ? base::Error{} : response.error();
  }

  test::TestCa ca;
  std::unique_ptr<HttpClient> client;
};

TEST_F(TlsTest, ServesEveryKindOfRequestOverOneConnection) {
  use({.ca_pem = ca.certificate_pem()});
  for (const std::string target : {"/fast", "/slow", "/stream", "/fast"}) {
    auto response = get(target);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
  }
  const std::string body(300'000, 'b');
  auto echoed = test::run_task(io, client->send({.tls = true, .host = "127.0.0.1", .port = endpoint.port()},
                                                {.method = "POST", .target = "/echo", .body = body}, test::soon()));
  ASSERT_TRUE(echoed) << echoed.error().message;
  EXPECT_EQ(echoed->body, body);
  EXPECT_EQ(server->statistics().accepted, 1u);
}

TEST_F(TlsTest, AcceptsNamesAndAddressesOfTheCertificate) {
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_TRUE(get("/fast", "localhost"));
  EXPECT_TRUE(get("/fast", "127.0.0.1"));
  use({.ca_pem = ca.certificate_pem(), .server_name = "node.lab.test"});
  EXPECT_TRUE(get("/fast")) << "a server name of one's own";
}

TEST_F(TlsTest, SaysWhyACertificateIsRefused) {
  const std::string authority = "127.0.0.1:" + std::to_string(endpoint.port());
  use({.ca_pem = ca.certificate_pem(), .server_name = "elsewhere.test"});
  EXPECT_EQ(failure().message, "certificate of " + authority + " is not for elsewhere.test: hostname mismatch");
  const test::TestCa stranger("another CA");
  use({.ca_pem = stranger.certificate_pem()});
  EXPECT_THAT(failure().message, StartsWith("certificate of " + authority + " is not trusted: "));
  use({});
  EXPECT_EQ(failure().kind, ErrorKind::invalid) << "the system does not know the test's CA";

  restart({}, server_context(test::TestCa::self_signed({"127.0.0.1"})));
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_THAT(failure().message, HasSubstr("self-signed certificate"));
}

TEST_F(TlsTest, AnIpAddressMustBeInTheCertificateToo) {
  restart({}, server_context(ca.issue({"localhost"})));
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_THAT(failure().message, HasSubstr("is not for 127.0.0.1: IP address mismatch"));
}

TEST_F(TlsTest, NamesTheHostItWantsUnlessItIsAnAddress) {
  const auto context = server_context(ca.issue({"127.0.0.1", "localhost"}));
  std::string named;
  SSL_CTX_set_tlsext_servername_arg(context->native_handle(), &named);
  SSL_CTX_set_tlsext_servername_callback(
      context->native_handle(), +[](SSL* ssl, int*, void* out) {
        const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        *static_cast<std::string*>(out) = name != nullptr ? name : "none";
        return SSL_TLSEXT_ERR_OK;
      });
  restart({}, context);
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_TRUE(get("/fast", "localhost"));
  EXPECT_EQ(named, "localhost");
  EXPECT_TRUE(get("/fast", "127.0.0.1"));
  EXPECT_EQ(named, "none");
}

TEST_F(TlsTest, VerifiesNothingWhenToldSo) {
  use({.server_name = "elsewhere.test", .insecure_skip_verify = true});
  EXPECT_TRUE(get("/fast"));
}

TEST_F(TlsTest, TrustsALeafThatIsGivenAsTheCa) {
  const auto certificate = test::TestCa::self_signed({"127.0.0.1"});
  restart({}, server_context(certificate));
  use({.ca_pem = certificate.certificate_pem});
  EXPECT_TRUE(get("/fast"));
}

TEST_F(TlsTest, ShowsItsClientCertificate) {
  const auto context = server_context(ca.issue({"127.0.0.1"}));
  SSL_CTX_set_verify(context->native_handle(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  context->add_certificate_authority(boost::asio::buffer(ca.certificate_pem()));
  restart({}, context);
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_EQ(failure().kind, ErrorKind::unavailable);
  const auto identity = ca.issue({"client"});
  const TlsClientOptions with_identity{.ca_pem = ca.certificate_pem(),
                                       .client_certificate_pem = identity.certificate_pem,
                                       .client_key_pem = Secret(identity.key_pem)};
  EXPECT_TRUE(client->replace_tls(with_identity));
  auto response = get("/fast");
  EXPECT_TRUE(response) << response.error().message;
}

TEST_F(TlsTest, ReplacedSettingsHoldForTheNextRequest) {
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_TRUE(get("/fast"));
  const test::TestCa stranger("another CA");
  ASSERT_TRUE(client->replace_tls({.ca_pem = stranger.certificate_pem()}));
  EXPECT_THAT(failure().message, HasSubstr("is not trusted"));
  ASSERT_FALSE(client->replace_tls({.ca_pem = "rubbish"})) << "and the old ones stay";
  EXPECT_THAT(failure().message, HasSubstr("is not trusted"));
}

TEST_F(TlsTest, APlainPeerIsNoTlsPeerAndTheOtherWayRound) {
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_EQ(talk("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n").find("hello"), std::string::npos);
  restart({});
  const auto error = failure();
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_THAT(error.message, StartsWith("TLS handshake with 127.0.0.1:"));
}

TEST_F(TlsTest, CancelsTheHandlerOfAPeerThatLeaves) {
  use({.ca_pem = ca.certificate_pem()});
  std::optional<base::Result<Response>> gone;
  base::asio::co_spawn(
      io,
      test::detail::store_result(client->send({.tls = true, .host = "127.0.0.1", .port = endpoint.port()},
                                              {.target = "/wait"}, Deadline::in(clock, std::chrono::seconds(5))),
                                 gone),
      base::asio::detached);
  until([this] { return handler.waiting == 1; });
  clock.advance(std::chrono::seconds(5));
  until([&gone] { return gone.has_value(); });
  EXPECT_FALSE(*gone);
  until([this] { return handler.waiting == 0 && server->statistics().open_connections == 0; });
  EXPECT_EQ(handler.abandoned, 1);
}

TEST_F(TlsTest, AHandshakeThatDoesNotEndIsEnded) {
  restart({.header_timeout = std::chrono::seconds(1)}, server_context(ca.issue({"127.0.0.1"})));
  EXPECT_EQ(talk_on("\x16\x03\x01"), "");
}

TEST_F(TlsTest, AServerWithAnIdleConnectionStops) {
  use({.ca_pem = ca.certificate_pem()});
  EXPECT_TRUE(get("/fast"));
  test::run_task(io, server->stop(Deadline::in(clock, std::chrono::seconds(20))));
  EXPECT_EQ(server->statistics().open_connections, 0u);
}

TEST(TlsContexts, NameWhatIsWrongWithWhichInput) {
  const test::TestCa ca;
  const auto leaf = ca.issue({"x"});
  const auto other = ca.issue({"y"});
  const auto client_error = [](const TlsClientOptions& options) {
    auto context = make_client_context(options);
    return context ? std::string("no error") : context.error().message;
  };
  const auto server_error = [](const std::string& certificate, const std::string& key) {
    auto context = make_server_context({.certificate_chain_pem = certificate, .key_pem = Secret(key)});
    return context ? std::string("no error") : context.error().message;
  };
  EXPECT_EQ(client_error({.ca_pem = "rubbish"}), "CA certificate: not a PEM block with a certificate");
  std::string damaged = leaf.certificate_pem;
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(client_error({.ca_pem = damaged}), StartsWith("CA certificate: has a damaged PEM block"));
  EXPECT_EQ(client_error({.client_certificate_pem = leaf.certificate_pem}), "client certificate: has no key");
  EXPECT_EQ(client_error({.client_key_pem = Secret(leaf.key_pem)}),
            "client certificate: is missing, but there is a key");
  EXPECT_EQ(client_error({.client_certificate_pem = leaf.certificate_pem, .client_key_pem = Secret(other.key_pem)}),
            "client key: does not belong to the certificate");
  EXPECT_EQ(server_error(leaf.certificate_pem, "rubbish"),
            "server key: not a PEM block with an unencrypted private key");
  EXPECT_EQ(server_error("", leaf.key_pem), "server certificate: not a PEM block with a certificate");
  EXPECT_EQ(server_error(leaf.certificate_pem + ca.certificate_pem(), leaf.key_pem), "no error");
}

}  // namespace
}  // namespace podid::net
