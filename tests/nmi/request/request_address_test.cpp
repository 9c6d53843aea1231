// SPDX-License-Identifier: Apache-2.0
// Whose is the address: unknown, shared, passing on, in doubt, or told of long ago.
#include <gtest/gtest.h>

#include "nmi/pods/address_doubt.hpp"
#include "nmi/request/request_handler_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Got;
using test::kTokenPath;

TEST_F(RequestHandlerTest, UnknownAddressesAreRefusedAfterAWait) {
  publish_usual();
  for (const bool legacy_style : {false, true}) {
    if (legacy_style) legacy();
    const Pending pending = begin(kTokenPath, "127.0.0.6");
    EXPECT_FALSE(pending.done());
    advance(milliseconds(1199));
    EXPECT_FALSE(pending.done());
    advance(milliseconds(1));
    const Got got = finish(pending);
    if (legacy_style) {
      expect_text(got, 500, "pod list is empty");
    } else {
      expect_json(got, 500, "server_error", "pod list is empty");
    }
  }
}

TEST_F(RequestHandlerTest, APodsFirstRequestMayComeBeforeItsAddressIsKnown) {
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  EXPECT_FALSE(pending.done());
  put(usual_pod());
  put(assigned("reader"));
  publish();
  EXPECT_EQ(finish(pending).status, 200);
}

TEST_F(RequestHandlerTest, TwoPodsOnAnAddressAreRefusedAtOnce) {
  publish_usual();
  core::Pod twin = usual_pod();
  twin.name = "web-1";
  twin.uid = "uid-2";
  put(twin);
  publish();
  legacy();
  expect_text(ask(kTokenPath), 500, "failed to match pod IP 127.0.0.5 with shop/web-0, shop/web-1");
}

TEST_F(RequestHandlerTest, ATerminatingPodIsRefusedAfterItsGracePeriod) {
  publish_terminating("2027-01-15T08:00:30Z");
  EXPECT_EQ(ask(kTokenPath).status, 200);
  clock.advance(seconds(30));
  const Pending pending = begin(kTokenPath);
  advance(seconds(2));
  expect_json(
      finish(pending), 503, "service_unavailable",
      "the last pod known at this address, shop/web-0, was to be gone at 2027-01-15T08:00:30Z: its grace period is "
      "over, and it is not served any more");
  legacy();
  const Pending old_style = begin(kTokenPath);
  advance(seconds(2));
  expect_text(finish(old_style), 500, "pod list is empty");
}

TEST_F(RequestHandlerTest, APodWhoseGracePeriodEndsDuringAFetchGetsNothing) {
  publish_terminating("2027-01-15T08:00:30Z");
  tokens.closed = true;
  const Pending pending = begin(kTokenPath);
  advance(seconds(31));
  tokens.open();
  EXPECT_EQ(finish(pending).status, 503);
}

TEST_F(RequestHandlerTest, AnAddressThatPassesOnWhileARequestWaitsGetsNothing) {
  publish_usual();
  tokens.closed = true;
  const Pending pending = begin(kTokenPath);
  core::Pod next = usual_pod();
  next.name = "other";
  next.uid = "uid-next";
  builder.remove(usual_pod());
  put(next);
  publish();
  tokens.open();
  const Got got = finish(pending);
  EXPECT_EQ(got.status, 503);
  EXPECT_FALSE(got.body.contains("token-1"));
}

TEST_F(RequestHandlerTest, APodThatIsReplacedUnderItsNameGetsNothingEither) {
  put(usual_pod());
  builder.set_complete();
  publish();
  const Pending pending = begin(kTokenPath);
  core::Pod again = usual_pod();
  again.uid = "uid-again";
  put(again);
  put(assigned("reader"));
  publish();
  EXPECT_EQ(finish(pending).status, 503);
  EXPECT_TRUE(tokens.requests.empty());
}

TEST_F(RequestHandlerTest, WhileItIsInDoubtWhoseAnAddressIsItGetsNothing) {
  publish_usual();
  EXPECT_EQ(ask(kTokenPath).status, 200);
  source.set_doubt(clock.steady_now());
  const Pending first = begin(kTokenPath);
  advance(seconds(1));
  EXPECT_FALSE(first.done());
  source.set_doubt({});
  publish();
  EXPECT_EQ(finish(first).status, 200);
  source.set_doubt(clock.steady_now());
  const Pending second = begin(kTokenPath);
  advance(kDoubtWait);
  const Got got = finish(second);
  expect_json(got, 503, "service_unavailable", "a pod may have been started");
  EXPECT_TRUE(got.has_header("Retry-After: 5")) << got.head;
  EXPECT_EQ(ask(kTokenPath).status, 503);
}

// The kubelet has freed its address and given it to another pod, and has told the API server neither.
TEST_F(RequestHandlerTest, ATerminatingPodWaitsWhileAnotherMayHaveItsAddress) {
  publish_terminating("2027-01-15T09:00:00Z");
  core::Pod coming = test::make_pod("shop", "web-1");
  coming.phase = "Pending";
  put(coming);
  publish();
  EXPECT_EQ(ask(kTokenPath).status, 200) << "no interface has appeared";
  source.set_unreported(true);
  const Pending first = begin(kTokenPath);
  advance(seconds(1));
  EXPECT_FALSE(first.done());
  coming.pod_ips = {"127.0.0.6"};
  put(coming);
  publish();
  EXPECT_EQ(finish(first).status, 200) << "it has another";
  coming.pod_ips.clear();
  put(coming);
  publish();
  const Pending second = begin(kTokenPath);
  coming.pod_ips = usual_pod().pod_ips;
  put(coming);
  publish();
  advance(seconds(80));
  EXPECT_EQ(finish(second).status, 404) << "it has this one, and no identity";
  coming.pod_ips.clear();
  put(coming);
  publish();
  const Pending third = begin(kTokenPath);
  EXPECT_FALSE(third.done());
  source.set_unreported(false);
  publish();
  EXPECT_EQ(finish(third).status, 200) << "the kubelet has had its time";
  source.set_unreported(true);
  const Pending fourth = begin(kTokenPath);
  advance(kStatusWait);
  expect_json(finish(fourth), 503, "service_unavailable", "a pod may have been started");
}

TEST_F(RequestHandlerTest, ATokenThatArrivesDuringADoubtWaitsForItsEnd) {
  publish_usual();
  tokens.closed = true;
  const Pending pending = begin(kTokenPath);
  source.set_doubt(clock.steady_now());
  tokens.open();
  advance(seconds(1));
  EXPECT_FALSE(pending.done());
  source.set_doubt({});
  publish();
  EXPECT_EQ(finish(pending).status, 200);
}

TEST_F(RequestHandlerTest, UntilTheCachesAreFilledNothingIsRefused) {
  put(usual_pod());
  publish();
  const Pending known = begin(kTokenPath);
  const Pending unknown = begin(kTokenPath, "127.0.0.6");
  advance(seconds(39));
  EXPECT_FALSE(known.done());
  EXPECT_FALSE(unknown.done());
  advance(seconds(1));
  EXPECT_EQ(finish(unknown).status, 503);
  finish(known);
}

TEST_F(RequestHandlerTest, BeforeTheFirstWordOfTheApiServerNothingIsStale) {
  source.heard(base::SteadyTime{});
  clock.advance(std::chrono::hours(1));
  put(usual_pod());
  put(assigned("reader"));
  publish();
  EXPECT_EQ(ask(kTokenPath).status, 200);
}

TEST_F(RequestHandlerTest, AStaleSnapshotGrantsNothingNew) {
  publish_usual();
  EXPECT_EQ(ask(kTokenPath).status, 200);
  clock.advance(options.max_snapshot_age + seconds(1));
  EXPECT_EQ(ask(kTokenPath).status, 200) << "cached";
  EXPECT_EQ(ask("/metadata/identity/oauth2/token?resource=another").status, 503);
  source.heard(clock.steady_now());
  EXPECT_EQ(ask("/metadata/identity/oauth2/token?resource=another").status, 200);
}

}  // namespace
}  // namespace podid::nmi
