// SPDX-License-Identifier: Apache-2.0
// Bounds, windows and grants of a binding together: docs/design/access.md §4.
#include "core/access/binding_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;

const Instant kNow{std::chrono::seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

// A grant of half an hour, from now on.
GrantBook one_grant() {
  GrantBook book;
  book.set_policies({.problem = "", .count_from = kNow - hours(1)});
  AzureIdentityGrant grant;
  grant.meta.ns = "shop";
  grant.meta.name = grant.meta.uid = "inc-1";
  grant.meta.creation_timestamp = "2027-01-15T08:00:00Z";
  grant.binding = "b";
  grant.duration = minutes(30);
  grant.requested_by = "alice";
  book.put(grant);
  return book;
}

BindingAccess access_of(std::optional<Instant> not_after, const GrantBook& book) {
  Access access;
  access.not_after = not_after;
  access.grant = GrantTerms{.max_duration = hours(4), .approvals = 0};
  access.token_beyond_window = TokenBeyondWindow::deny;
  const ObjectKey key{"shop", "b"};
  const auto none = [](std::string_view) { return nullptr; };
  GrantSchedule grants = book.schedule(key, *access.grant, {}, Instant::min());
  return {key, std::make_shared<const AccessTerms>(access, none, Calendars()), std::move(grants)};
}

TEST(BindingAccess, IsOpenUntilTheFirstOfItsEnds) {
  const AccessState by_grant = access_of(kNow + hours(1), one_grant()).at(kNow);
  EXPECT_TRUE(by_grant.open());
  EXPECT_EQ(by_grant.until, kNow + minutes(30));
  EXPECT_EQ(by_grant.token_beyond_window, TokenBeyondWindow::deny);
  EXPECT_EQ(access_of(kNow + minutes(10), one_grant()).at(kNow).until, kNow + minutes(10));
  EXPECT_EQ(access_of({}, one_grant()).at(kNow).until, kNow + minutes(30));
}

TEST(BindingAccess, GrantsAreAskedWhereTheTermsAreOpen) {
  const BindingAccess over = access_of(kNow - hours(1), one_grant());
  EXPECT_EQ(over.at(kNow).reason, AccessReason::over);
  EXPECT_EQ(access_of({}, one_grant()).at(kNow + hours(1)).reason, AccessReason::grant_missing);
  EXPECT_EQ(access_of({}, {}).at(kNow).reason, AccessReason::grant_policy_missing);
}

TEST(BindingAccess, AGrantThatBeginsAfterTheEndOpensNothing) {
  const BindingAccess access = access_of(kNow - minutes(1), one_grant());
  const AccessState before = access.at(kNow - minutes(2));
  EXPECT_EQ(before.reason, AccessReason::grant_pending);
  EXPECT_FALSE(before.until);
  EXPECT_EQ(access_of(kNow + hours(1), one_grant()).at(kNow - minutes(2)).until, kNow);
}

TEST(BindingAccess, SaysWhichGrantAndWhatIsMissing) {
  const BindingAccess access = access_of({}, one_grant());
  EXPECT_THAT(access.text(kNow), HasSubstr("AzureIdentityBinding shop/b: open by AzureIdentityGrant inc-1 until"));
  EXPECT_THAT(access.text(kNow + hours(1)), HasSubstr("grant inc-1 ended at 2027-01-15T08:30:00Z"));
  for (std::size_t i = 1; i < kAccessReasons; ++i) {
    EXPECT_FALSE(access_remedy({.reason = static_cast<AccessReason>(i), .until = {}, .grant = {}}).empty());
  }
}

}  // namespace
}  // namespace podid::core
