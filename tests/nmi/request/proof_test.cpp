// SPDX-License-Identifier: Apache-2.0
// The prober's question (SEC-13): answered to it alone.
#include "nmi/request/request_fixture.hpp"

namespace podid::nmi {
namespace {

using ProofTest = test::RequestFixture;

const std::string kQuestion = "/podid/prove?nonce=0123456789abcdef0123456789abcdef";

TEST_F(ProofTest, IsGivenToTheProberAloneAndNeverPassedOn) {
  core::Pod prober = test::make_pod("podid-system", "podid-prober-x7");
  prober.labels["component"] = "podid-prober";
  prober.pod_ips = {"127.0.0.6"};
  put(prober);
  publish_usual();
  const test::Got other = ask(kQuestion);
  EXPECT_EQ(other.status, 403);
  EXPECT_FALSE(other.body.contains("proof\":"));
  EXPECT_EQ(ask(kQuestion, "Metadata: true\r\n", "127.0.0.9").status, 403) << "nobody's address";
  EXPECT_EQ(proof.look(*builder.build(), clock.steady_now()), RedirectProof::State::unproven);
  EXPECT_EQ(ask(kQuestion, "Metadata: true\r\nX-Forwarded-For: 1.2.3.4\r\n", "127.0.0.6").status, 400);
  const test::Got own = ask(kQuestion, "Metadata: true\r\n", "127.0.0.6");
  EXPECT_EQ(own.status, 200) << own.body;
  EXPECT_TRUE(own.body.contains("\"nonce\":\"0123456789abcdef0123456789abcdef\"")) << own.body;
  EXPECT_EQ(proof.look(*builder.build(), clock.steady_now()), RedirectProof::State::proven);
  EXPECT_EQ(ask(kQuestion, "Metadata: true\r\n", "127.0.0.6").status, 403) << "the same again is no proof";
  EXPECT_EQ(ask("/podid/prove", "Metadata: true\r\n", "127.0.0.6").status, 403);
  EXPECT_TRUE(imds.requests.empty());
}

}  // namespace
}  // namespace podid::nmi
