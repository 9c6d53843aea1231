// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace podid::net {
namespace {

using std::chrono::seconds;

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers headers{{"Accept", "a"}, {"X-One", "1"}};
  headers.add("accept", "b");
  EXPECT_EQ(headers.find("ACCEPT"), "a");
  EXPECT_EQ(headers.get_or_empty("missing"), "");
  headers.set("Accept", "c");
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.begin()->name, "X-One");
  EXPECT_EQ(headers.find("accept"), "c");
  headers.erase("x-one");
  EXPECT_FALSE(headers.find("X-One"));
}

TEST(RetryAfter, ReadsSecondsAndDates) {
  const auto now = base::from_unix_seconds(784'111'777);  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(retry_after({{"Retry-After", "20"}}, now), seconds(20));
  EXPECT_EQ(retry_after({{"retry-after", " 0 "}}, now), seconds(0));
  EXPECT_EQ(retry_after({{"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}}, now), seconds(60));
  EXPECT_EQ(retry_after({{"Retry-After", "4000000000"}}, now), seconds(366 * 24 * 3600)) << "bounded";
}

TEST(RetryAfter, IgnoresRubbishAndThePast) {
  const auto now = base::from_unix_seconds(784'111'777);
  for (const char* text : {"", "soon", "-1", "1.5", "99999999999999999999", "Sun, 06 Nov 1994 08:49:36 GMT"}) {
    EXPECT_FALSE(retry_after({{"Retry-After", text}}, now)) << text;
  }
  EXPECT_FALSE(retry_after({}, now));
}

TEST(ReasonPhrase, IsEmptyForUnknownCodes) {
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(599), "");
}

struct UrlCase {
  const char* text;
  bool tls;
  const char* host;
  std::uint16_t port;
  const char* target;
  const char* authority;
};

TEST(ParseUrl, ReadsWhatItMay) {
  const UrlCase cases[] = {
      {"http://example.org", false, "example.org", 80, "/", "example.org"},
      {"HTTPS://Example.ORG:443/a?b=c", true, "example.org", 443, "/a?b=c", "example.org"},
      {"http://example.org?x", false, "example.org", 80, "/?x", "example.org"},
      {"http://169.254.169.254:8080/metadata/", false, "169.254.169.254", 8080, "/metadata/", "169.254.169.254:8080"},
      {"https://[FD00::1]:6443", true, "fd00::1", 6443, "/", "[fd00::1]:6443"},
      {"http://[::1]/x", false, "::1", 80, "/x", "[::1]"},
      {"https://my_host-1/x", true, "my_host-1", 443, "/x", "my_host-1"},
  };
  for (const UrlCase& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->tls, c.tls) << c.text;
    EXPECT_EQ(url->host, c.host) << c.text;
    EXPECT_EQ(url->port, c.port) << c.text;
    EXPECT_EQ(url->target, c.target) << c.text;
    EXPECT_EQ(url->authority(), c.authority) << c.text;
  }
  EXPECT_EQ(parse_url("https://[fd00::1]:6443")->with_target("/v?w").to_string(), "https://[fd00::1]:6443/v?w");
}

TEST(ParseUrl, RefusesTheRestAndNamesIt) {
  for (const char* text : {"",
                           "example.org",
                           "ftp://example.org",
                           "http://",
                           "http:///x",
                           "http://user@example.org/",
                           "http://user:pw@example.org/",
                           "http://example.org/#part",
                           "http://example.org:0/",
                           "http://example.org:65536/",
                           "http://example.org:/",
                           "http://example.org:8o/",
                           "http://exa mple.org/",
                           "http://example.org/a b",
                           "http://example.org/\r\nX: y",
                           "http://[::1",
                           "http://[::1]x/",
                           "http://[1.2.3.4]/",
                           "http://ex%61mple.org/",
                           "http://a:1:2/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().kind, base::ErrorKind::invalid) << text;
    EXPECT_TRUE(url.error().message.starts_with("URL \"")) << url.error().message;
  }
}

}  // namespace
}  // namespace podid::net
