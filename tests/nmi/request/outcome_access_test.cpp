// SPDX-License-Identifier: Apache-2.0
// spec.access of a binding, at request time: docs/design/access.md §4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "base/time_text.hpp"
#include "core/access/calendar.hpp"
#include "nmi/record/audit_trail.hpp"
#include "nmi/request/outcome_fixture.hpp"
#include "support/allocation_counter.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::kTestNow;
using test::make_binding;
using test::make_identity;
using test::variant;
using testing::HasSubstr;

core::Access between(base::WallTime from, base::WallTime to) {
  core::Access access;
  access.not_before = from;
  access.not_after = to;
  return access;
}

class OutcomeAccessTest : public test::OutcomeFixture {
 protected:
  static core::AzureIdentityBinding limited(core::Access access) {
    core::AzureIdentityBinding binding = make_binding("shop", "b", "reader");
    binding.access = std::move(access);
    return binding;
  }
  // The copy in an assignment carries no access: the live binding does.
  static Cluster standard(core::Access access, std::string_view status = core::kAssigned) {
    return {.pods = {usual_pod()},
            .assigned = {test::make_assigned(usual_pod(), make_identity("shop", "reader"),
                                             make_binding("shop", "b", "reader"), status)},
            .bindings = {limited(std::move(access))}};
  }
  static Cluster managed_with(core::Access access, std::string_view = {}) {
    return managed({limited(std::move(access))}, {make_identity("shop", "reader")});
  }
  // As often as these were told, a token was refused for them.
  std::uint64_t denied(std::string_view reason) {
    return metrics.counter(base::metric::kNmiWindowDenied).find_or_add({reason})->value();
  }
  static std::string field(const Got& got, std::string_view name) {
    return boost::json::value_to<std::string>(boost::json::parse(got.body).as_object().at(name));
  }
};

TEST_F(OutcomeAccessTest, WhatIsNotOpenIsRefusedAtOnceWithWhenItOpens) {
  const std::string tail = ". To see why, run: podid explain pod web-0 -n shop";
  const std::string head =
      "Identity not found: AzureIdentity shop/reader may not be used by pod web-0 in namespace shop now: "
      "AzureIdentityBinding shop/b: ";
  core::Access invalid;
  invalid.invalid = "time zone Mars/Olympus is not known";
  const struct {
    const char* what;
    core::Access access;
    std::string said;
    std::string opens;
  } rows[] = {
      {"not yet", between(kTestNow + hours(24), kTestNow + hours(48)), "not_yet", "2027-01-16T08:00:00Z"},
      {"over", between(kTestNow - hours(2), kTestNow - hours(1)), "over", ""},
      {"invalid", invalid, "invalid", ""},
  };
  for (const auto& row : rows) {
    for (const auto& cluster_of : {standard, managed_with}) {
      for (const bool legacy : kBoth) {
        // Created, as the controller leaves it while it is closed: the time is what counts.
        serve(cluster_of(row.access, core::kCreated), {.legacy = legacy});
        for (const bool host : kBoth) {
          SCOPED_TRACE(variant(row.what, legacy, host));
          const std::uint64_t before = denied(row.said);
          const Got got = ask_for_token(host, "resource=r");
          EXPECT_EQ(got.status, 403);
          EXPECT_THAT(got.body, HasSubstr(head));
          EXPECT_THAT(got.body, HasSubstr(row.opens));
          EXPECT_THAT(got.body, HasSubstr(tail));
          EXPECT_FALSE(got.head.contains("Retry-After")) << got.head;
          EXPECT_EQ(denied(row.said), before + 1);
        }
      }
    }
  }
  EXPECT_TRUE(tokens.requests.empty());
}

TEST_F(OutcomeAccessTest, AnOpeningThatIsNearIsToldAsRetryAfter) {
  serve(standard(between(clock.wall_now() + seconds(32), clock.wall_now() + hours(1))), {});
  const Got got = ask_for_token(false, "resource=r");  // 2 s later
  EXPECT_EQ(got.status, 403);
  EXPECT_TRUE(got.has_header("Retry-After: 30")) << got.head;
}

TEST_F(OutcomeAccessTest, ItOpensAndClosesToTheSecondForCachedTokensToo) {
  for (const auto& cluster_of : {standard, managed_with}) {
    const base::WallTime start = clock.wall_now();
    serve(cluster_of(between(start + seconds(10), start + seconds(20)), core::kAssigned), {});
    advance(std::chrono::milliseconds(9'999));
    EXPECT_EQ(ask(test::kTokenPath).status, 403);
    advance(std::chrono::milliseconds(1));
    EXPECT_EQ(ask(test::kTokenPath).status, 200);
    advance(std::chrono::milliseconds(9'999));
    EXPECT_EQ(ask(test::kTokenPath).status, 200) << "from the worker's table";
    advance(std::chrono::milliseconds(1));
    EXPECT_EQ(ask(test::kTokenPath).status, 403);
  }
}

// The seed's: "a front end may use the store between midnight and 1 AM on business days only".
TEST_F(OutcomeAccessTest, AWindowOpensOnItsDaysAndClosesAtItsEnd) {
  core::Access access;
  core::AccessWindow& window = access.windows.emplace_back();
  window.days = 0b11111;
  window.end = hours(1);
  for (const auto& cluster_of : {standard, managed_with}) {
    clock.set_wall(kTestNow);  // Friday 08:00
    Cluster cluster = cluster_of(access, core::kAssigned);
    cluster.options.zones = [](std::string_view) {
      return std::make_shared<const core::Zone>(0, std::vector<core::Zone::Shift>());
    };
    serve(cluster, {});
    const auto ask_at = [this](std::chrono::sys_seconds at) {
      clock.set_wall(at);
      return ask(test::kTokenPath);
    };
    const std::chrono::sys_seconds monday = std::chrono::sys_days(std::chrono::January / 18 / 2027);
    EXPECT_THAT(ask(test::kTokenPath).body, HasSubstr("opens at 2027-01-18T00:00:00Z"));
    EXPECT_EQ(ask_at(monday - seconds(1)).status, 403);
    const Got open = ask_at(monday);
    ASSERT_EQ(open.status, 200) << open.body;
    EXPECT_EQ(field(open, "expires_in"), "3600");
    EXPECT_EQ(ask_at(monday + hours(1) - seconds(1)).status, 200);
    EXPECT_EQ(ask_at(monday + hours(1)).status, 403);
  }
}

TEST_F(OutcomeAccessTest, HolidaysComeFromTheAssignment) {
  core::Access access;
  access.windows.emplace_back().holidays.emplace().config_map = "calendar";
  Cluster cluster = standard(access);
  cluster.options.zones = [](std::string_view) {
    return std::make_shared<const core::Zone>(0, std::vector<core::Zone::Shift>());
  };
  serve(cluster, {});
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  EXPECT_EQ(denied("calendar_unreadable"), 1U);
  const auto closed_on = [&](const char* days) {
    cluster.assigned[0].meta.annotations[std::string(core::kHolidaysAnnotation)] =
        core::encode_holidays({{*access.windows[0].holidays, core::read_calendar(days)}});
    serve(cluster, {});
    return ask(test::kTokenPath).status;
  };
  EXPECT_EQ(closed_on("2027-01-16"), 200);
  EXPECT_EQ(closed_on("2027-01-15"), 403);
  EXPECT_EQ(denied("window_closed"), 1U);
}

TEST_F(OutcomeAccessTest, TheTokenIsAzuresAndItsToldExpiryNoLaterThanTheEnd) {
  for (const auto& cluster_of : {standard, managed_with}) {
    const base::WallTime end = clock.wall_now() + hours(1);
    serve(cluster_of(between(clock.wall_now(), end), core::kAssigned), {});
    for (const char* from : {"fetched", "from the worker's table"}) {
      const Got got = ask_for_token(false, "resource=r");
      ASSERT_EQ(got.status, 200) << got.body;
      const auto left = std::chrono::floor<seconds>(end - clock.wall_now()).count();
      EXPECT_EQ(field(got, "expires_on"), std::to_string(base::unix_seconds(end))) << from;
      EXPECT_EQ(field(got, "expires_in"), std::to_string(left)) << from;
    }
    const Got host = ask_for_token(true, "resource=r");
    EXPECT_THAT(host.body, HasSubstr("\"expires_on\":\"" + std::to_string(base::unix_seconds(end)) + "\""));
  }
}

TEST_F(OutcomeAccessTest, AnEndAfterTheTokensOwnIsNotTold) {
  tokens.lifetime = 3600;
  serve(standard(between(clock.wall_now(), clock.wall_now() + hours(24))), {});
  EXPECT_EQ(field(ask(test::kTokenPath), "expires_in"), "3600");
}

TEST_F(OutcomeAccessTest, WhatIsClosedWhileTheTokenIsFetchedIsRefused) {
  for (const auto& cluster_of : {standard, managed_with}) {
    serve(cluster_of(between(clock.wall_now(), clock.wall_now() + seconds(5)), core::kAssigned), {});
    tokens.closed = true;
    const auto path =
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + std::to_string(tokens.requests.size());
    const Pending pending = begin(path);
    advance(seconds(5));
    tokens.open();
    const Got got = finish(pending);
    EXPECT_EQ(got.status, 403);
    EXPECT_THAT(got.body, HasSubstr("notAfter"));
  }
}

// docs/design/access.md §4. The token is fetched once, to know how long it lives, and not for each request that is refused.
TEST_F(OutcomeAccessTest, ATokenThatLivesLongerIsRefusedWhereTheBindingSaysSo) {
  for (const auto& cluster_of : {standard, managed_with}) {
    const std::string resource = cluster_of == standard ? "resource=standard-" : "resource=managed-";
    tokens.requests.clear();
    core::Access access = between(clock.wall_now(), clock.wall_now() + hours(2));
    access.token_beyond_window = core::TokenBeyondWindow::deny;
    serve(cluster_of(access, core::kAssigned), {});
    tokens.lifetime = 3600 * 3;
    for (int n = 0; n < 3; ++n) {
      const std::uint64_t before = denied("token_beyond_window");
      const Got got = ask_for_token(false, resource + "long");
      EXPECT_EQ(got.status, 403);
      EXPECT_THAT(got.body, HasSubstr("tokenBeyondWindow: Deny"));
      EXPECT_EQ(denied("token_beyond_window"), before + 1);
    }
    EXPECT_EQ(tokens.requests.size(), 1U);
    tokens.lifetime = 3600;
    EXPECT_EQ(ask_for_token(false, resource + "short").status, 200);
    EXPECT_EQ(ask_for_token(false, resource + "short").status, 200);
    EXPECT_EQ(tokens.requests.size(), 2U);
  }
}

// Tokens of several tenants are handed out together: each of them counts.
TEST_F(OutcomeAccessTest, OneOfSeveralTokensThatLivesLongerIsEnough) {
  tokens.answer = [this](const TokenRequest&) -> test::FakeTokenSource::Answer {
    return std::vector{test::make_token("short", 3600, clock.wall_now()),
                       test::make_token("long", 3600 * 24, clock.wall_now())};
  };
  core::Access access = between(clock.wall_now(), clock.wall_now() + hours(2));
  serve(standard(access), {});
  EXPECT_EQ(ask(test::kTokenPath).status, 200);
  access.token_beyond_window = core::TokenBeyondWindow::deny;
  serve(standard(access), {});
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  EXPECT_EQ(denied("token_beyond_window"), 1U);
}

TEST_F(OutcomeAccessTest, WhatIsLimitedWhileTheTokenIsFetchedIsRefused) {
  publish_usual();
  tokens.closed = true;
  const Pending pending = begin(test::kTokenPath);
  core::AzureIdentityBinding binding = make_binding("shop", "reader-binding", "reader");
  binding.access = between(kTestNow - hours(2), kTestNow - hours(1));
  builder.put(std::make_shared<const core::AzureIdentityBinding>(binding));
  publish();
  tokens.open();
  EXPECT_EQ(finish(pending).status, 403);
}

// The record of the refusal must not name what was decided on objects that are gone by now (address sanitizer).
TEST_F(OutcomeAccessTest, WhatIsReadAnewWhileTheTokenIsFetchedIsRefusedAndRecorded) {
  const test::TemporaryFolder folder;
  AuditTrailOptions audit_options;
  audit_options.writer.log.path = folder.file("audit.log");
  audit_options.writer.ring_folder = folder.file("rings");
  audit_options.writer.process = "p1";
  const auto trail = AuditTrail::make(std::move(audit_options), clock, metrics, {});
  ASSERT_TRUE(trail);
  audit.attach(**trail, 0);
  serve(managed_with(between(kTestNow, kTestNow + hours(1))), {});
  tokens.closed = true;
  const Pending pending = begin(test::kTokenPath);
  SnapshotBuilder fresh({.mode = core::OperationMode::managed});
  fresh.put(std::make_shared<const core::Pod>(usual_pod()));
  fresh.set_unread(SnapshotBuilder::Kind::binding, {"shop", ""});
  fresh.set_complete();
  source.publish(fresh.build());
  handler->snapshot_changed();
  const double before = (*trail)->ring(0).fill();
  tokens.open();
  EXPECT_EQ(finish(pending).status, 503);
  EXPECT_GT((*trail)->ring(0).fill(), before);
}

TEST_F(OutcomeAccessTest, AnEditOfTheLiveBindingCountsAtTheNextRequest) {
  const auto usual = [this](std::optional<core::Access> access) {
    core::AzureIdentityBinding binding = make_binding("shop", "reader-binding", "reader");
    binding.access = std::move(access);
    builder.put(std::make_shared<const core::AzureIdentityBinding>(binding));
    publish();
  };
  publish_usual();
  EXPECT_EQ(ask(test::kTokenPath).status, 200);
  usual(between(kTestNow - hours(2), kTestNow - hours(1)));
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  usual({});
  EXPECT_EQ(ask(test::kTokenPath).status, 200);
}

class OutcomeGrantedTest : public OutcomeAccessTest {
 protected:
  // The usual pod, whose binding needs a grant; the admission policies are in place.
  void need_grants(int approvals) {
    publish_usual();
    core::AzureIdentityBinding binding = make_binding("shop", "reader-binding", "reader");
    binding.access.emplace().grant = core::GrantTerms{.max_duration = hours(4), .approvals = approvals};
    builder.put(std::make_shared<const core::AzureIdentityBinding>(binding));
    builder.set_grant_policies({.problem = "", .count_from = kTestNow - hours(1)});
    publish();
  }
  static core::AzureIdentityGrant grant() {
    core::AzureIdentityGrant grant;
    grant.meta.ns = "shop";
    grant.meta.name = "inc-1";
    grant.meta.uid = "uid-1";
    grant.meta.creation_timestamp = base::format_rfc3339(kTestNow);
    grant.binding = "reader-binding";
    grant.duration = std::chrono::minutes(30);
    grant.requested_by = "alice";
    return grant;
  }
  void put(const core::AzureIdentityGrant& grant) {
    builder.put(std::make_shared<const core::AzureIdentityGrant>(grant));
    publish();
  }
  void approve(const core::AzureIdentityGrant& grant) {
    core::AzureIdentityGrantApproval approval;
    approval.meta = grant.meta;
    approval.meta.name = "bob";
    approval.grant = grant.meta.name;
    approval.grant_uid = grant.meta.uid;
    approval.binding = grant.binding;
    approval.requested_by = grant.requested_by;
    approval.approved_by = "bob";
    builder.put(std::make_shared<const core::AzureIdentityGrantApproval>(approval));
    publish();
  }
};

TEST_F(OutcomeGrantedTest, AGrantOpensUntilItEndsOrIsRevoked) {
  need_grants(0);
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  EXPECT_EQ(denied("grant_missing"), 1U);
  put(grant());
  const Got got = ask(test::kTokenPath);
  ASSERT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(field(got, "expires_in"), "1800");
  EXPECT_EQ(ask(test::kTokenPath).status, 200) << "from the worker's table";
  EXPECT_EQ(builder.grants_open_at(clock.wall_now()), std::set<std::string>{"shop/inc-1"});

  core::AzureIdentityGrant revoked = grant();
  revoked.revocation.emplace().by = "bob";
  put(revoked);
  const Got refused = ask(test::kTokenPath);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("grant inc-1 is revoked"));
  EXPECT_TRUE(builder.grants_open_at(clock.wall_now()).empty());

  put(grant());
  clock.set_wall(kTestNow + std::chrono::minutes(30));
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  EXPECT_TRUE(builder.grants_open_at(clock.wall_now()).empty());
}

TEST_F(OutcomeGrantedTest, AnApprovalIsWhatIsMissing) {
  need_grants(1);
  put(grant());
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  EXPECT_EQ(denied("grant_pending"), 1U);
  approve(grant());
  EXPECT_EQ(ask(test::kTokenPath).status, 200);
}

TEST_F(OutcomeGrantedTest, AGrantIsForThePodsThatItSelects) {
  need_grants(0);
  core::AzureIdentityGrant some = grant();
  some.pod_labels = {{"job", "replay"}};
  put(some);
  EXPECT_EQ(ask(test::kTokenPath).status, 403);
  core::Pod pod = usual_pod();
  pod.labels.emplace("job", "replay");
  builder.put(std::make_shared<const core::Pod>(pod));
  publish();
  EXPECT_EQ(ask(test::kTokenPath).status, 200);
}

TEST_F(OutcomeGrantedTest, WithoutThePoliciesNoGrantCounts) {
  need_grants(0);
  put(grant());
  builder.set_grant_policies({.problem = "policy podid-grants is missing", .count_from = {}});
  publish();
  EXPECT_THAT(ask(test::kTokenPath).body, HasSubstr("policy podid-grants is missing"));
  EXPECT_EQ(denied("grant_policy_missing"), 1U);
}

TEST_F(OutcomeGrantedTest, GrantsThatHaveNotBeenReadYetAreWaitedFor) {
  need_grants(0);
  builder.set_unread(SnapshotBuilder::Kind::grant, {"shop", ""});
  publish();
  const Pending pending = begin(test::kTokenPath);
  EXPECT_FALSE(pending.done());
  builder.set_read(SnapshotBuilder::Kind::grant, {"shop", ""});
  put(grant());
  EXPECT_EQ(finish(pending).status, 200);
}

TEST_F(OutcomeGrantedTest, ARevocationWhileTheTokenIsFetchedCounts) {
  need_grants(0);
  put(grant());
  tokens.closed = true;
  const Pending pending = begin(test::kTokenPath);
  core::AzureIdentityGrant revoked = grant();
  revoked.revocation.emplace().by = "bob";
  put(revoked);
  tokens.open();
  EXPECT_EQ(finish(pending).status, 403);
}

TEST_F(OutcomeAccessTest, ARefusalIsRecordedWithItsBinding) {
  serve(standard(between(kTestNow + hours(1), kTestNow + hours(2))), {});
  ask(test::kTokenPath);
  const std::vector<Issuance> issuances = handler->issuances().take();
  ASSERT_EQ(issuances.size(), 1U);
  EXPECT_EQ(issuances[0].refused, core::RefusalReason::not_yet);
  ASSERT_NE(issuances[0].binding, nullptr);
  EXPECT_EQ(issuances[0].binding->meta.name, "b");
}

}  // namespace
}  // namespace podid::nmi
