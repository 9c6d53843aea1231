// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/redirect_proof.hpp"

#include <gtest/gtest.h>

#include "nmi/pods/snapshot_builder.hpp"
#include "support/builders.hpp"

namespace podid::nmi {
namespace {

using State = RedirectProof::State;
using std::chrono::seconds;

const std::string kNonce = "0123456789abcdef0123456789abcdef";
const std::string kOther = "ffffffffffffffffffffffffffffffff";

core::Pod prober() {
  core::Pod pod = test::make_pod("podid-system", "podid-prober-x7");
  pod.labels["component"] = "podid-prober";
  pod.pod_ips = {"10.0.0.1"};
  return pod;
}

SnapshotPtr with(core::Pod pod) {
  SnapshotBuilder builder({});
  builder.put(std::make_shared<const core::Pod>(std::move(pod)));
  builder.set_complete();
  return builder.build();
}

class RedirectProofTest : public ::testing::Test {
 protected:
  base::SteadyTime at(int second) const { return start_ + seconds(second); }
  RedirectProof proof{"podid-system", "key"};
  SnapshotPtr nobody = with(test::make_pod("podid-system", "other"));
  SnapshotPtr somebody = with(prober());

 private:
  base::SteadyTime start_{seconds(1000)};
};

TEST_F(RedirectProofTest, WithoutAProberNothingIsKnownAndNothingIsWrong) {
  EXPECT_EQ(proof.look(*nobody, at(0)), State::unproven);
  EXPECT_EQ(proof.look(*nobody, at(3600)), State::unproven);
  EXPECT_EQ(proof.problem(), std::nullopt);
}

TEST_F(RedirectProofTest, AProberWhoseQuestionsDoNotArriveFails) {
  EXPECT_EQ(proof.look(*somebody, at(0)), State::unproven);
  EXPECT_TRUE(proof.problem()) << "not ready before it is known";
  EXPECT_EQ(proof.look(*somebody, at(30)), State::unproven);
  EXPECT_EQ(proof.look(*somebody, at(31)), State::failed);
  EXPECT_TRUE(proof.problem()->contains("not proven"));
  ASSERT_TRUE(proof.prove(kNonce, at(32)));
  EXPECT_EQ(proof.look(*somebody, at(33)), State::proven);
  EXPECT_EQ(proof.problem(), std::nullopt);
  EXPECT_EQ(proof.look(*somebody, at(62)), State::proven);
  EXPECT_EQ(proof.look(*somebody, at(63)), State::failed) << "what was proven does not stay so";
}

TEST_F(RedirectProofTest, AProofIsOfItsProberAndOfNoneThatCameLater) {
  proof.look(*somebody, at(0));
  ASSERT_TRUE(proof.prove(kNonce, at(1)));
  EXPECT_EQ(proof.look(*somebody, at(2)), State::proven);
  EXPECT_EQ(proof.look(*nobody, at(3)), State::unproven);
  EXPECT_EQ(proof.look(*somebody, at(100)), State::unproven) << "a new one has its time";
  EXPECT_EQ(proof.look(*somebody, at(131)), State::failed);
}

TEST_F(RedirectProofTest, EveryQuestionCountsOnceAndTheAnswerIsOfItsNonceAndKey) {
  const std::optional<std::string> answer = proof.prove(kNonce, at(0));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->contains("\"nonce\":\"" + kNonce + "\""));
  EXPECT_FALSE(proof.prove(kNonce, at(1))) << "repeated by something between";
  EXPECT_TRUE(proof.prove(kOther, at(2)));
  EXPECT_EQ(RedirectProof("podid-system", "key").prove(kNonce, at(0)), answer);
  EXPECT_NE(RedirectProof("podid-system", "another").prove(kNonce, at(0)), answer);
  for (const char* malformed : {"", "0123", "0123456789abcdeg0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF"}) {
    EXPECT_FALSE(proof.prove(malformed, at(3))) << malformed;
  }
  EXPECT_FALSE(proof.prove(std::string(65, 'a'), at(3)));
}

TEST_F(RedirectProofTest, OnlyPodsOfTheNamespaceOnThePodNetworkAreProbers) {
  EXPECT_TRUE(proof.is_prober(prober()));
  core::Pod pod = prober();
  pod.ns = "team";
  EXPECT_FALSE(proof.is_prober(pod));
  pod = prober();
  pod.host_network = true;
  EXPECT_FALSE(proof.is_prober(pod));
  pod = prober();
  pod.labels["component"] = "mic";
  EXPECT_FALSE(proof.is_prober(pod));
  EXPECT_FALSE(RedirectProof("", "key").is_prober(prober())) << "none asked for";
}

TEST_F(RedirectProofTest, OneThatDoesNotRunProvesAndFailsNothing) {
  core::Pod pod = prober();
  pod.phase = "Pending";
  EXPECT_EQ(proof.look(*with(pod), at(100)), State::unproven);
  pod = prober();
  pod.deletion_timestamp = "2026-11-28T00:00:00Z";
  EXPECT_EQ(proof.look(*with(pod), at(100)), State::unproven);
  EXPECT_EQ(proof.problem(), std::nullopt);
}

}  // namespace
}  // namespace podid::nmi
