// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/kube_secret_reader.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kube/kube_fixture.hpp"

namespace podid::nmi {
namespace {

class KubeSecretReaderTest : public test::KubeFixture<test::FakeClock> {
 protected:
  base::ErrorKind kind_of_answer(int status, const std::string& body) {
    server.intercept = [=](const net::Request&) {
      net::Response response;
      response.status = status;
      response.body = body;
      return response;
    };
    KubeSecretReader reader(*client, metrics);
    const auto data = test::run_task(io, reader.read({"s", "shop"}, clock.steady_now() + std::chrono::seconds(20)));
    return data ? base::ErrorKind::internal : data.error().kind;
  }
  base::MetricsRegistry metrics;
};

TEST_F(KubeSecretReaderTest, TellsADefiniteNoFromAnOutage) {
  using base::ErrorKind;
  EXPECT_EQ(kind_of_answer(404, "{}"), ErrorKind::not_found);
  EXPECT_EQ(kind_of_answer(403, "{}"), ErrorKind::denied);
  EXPECT_EQ(kind_of_answer(503, "{}"), ErrorKind::unavailable);
  EXPECT_EQ(kind_of_answer(200, "<html>"), ErrorKind::unavailable);
  EXPECT_EQ(kind_of_answer(0, ""), ErrorKind::unavailable) << "cut";
  EXPECT_EQ(kind_of_answer(200, R"({"data":{"a":"*"}})"), ErrorKind::invalid);
}

TEST(KubeSecretReader, DecodesTheDataAndRefusesWhatIsNotBase64) {
  const auto read = read_secret_data(boost::json::parse(R"({"data":{"a":"AQI=","b":""}})"));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->values.size(), 2u);
  EXPECT_EQ(read->values[0].second.reveal(), "\x01\x02");
  EXPECT_TRUE(read_secret_data(boost::json::parse(R"({})"))->values.empty());
  EXPECT_FALSE(read_secret_data(boost::json::parse(R"({"data":{"a":"*"}})")));
  EXPECT_FALSE(read_secret_data(boost::json::parse(R"({"data":{"a":1}})")));
}

}  // namespace
}  // namespace podid::nmi
