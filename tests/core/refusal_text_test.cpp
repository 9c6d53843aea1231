// SPDX-License-Identifier: Apache-2.0
#include "core/refusal_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/builders.hpp"

namespace podid::core {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RefusalTextTest : public testing::Test {
 protected:
  RefusalTextTest() {
    input.pod = &pod;
    input.pod_namespace = "shop";
    input.pod_name = "web-0";
    input.permissions = &permissions;
  }
  Decision refused(RefusalReason reason, bool created_seen = false) {
    Decision decision;
    decision.reason = reason;
    decision.created_seen = created_seen;
    if (reason == RefusalReason::policy_denied || is_about_access(reason)) decision.denied = &identity;
    decision.denied_by = &binding;
    if (is_about_access(reason)) {
      decision.binding = &binding;
      decision.access.emplace();
    }
    return decision;
  }
  std::string legacy(RefusalReason reason, bool created_seen = false) {
    return legacy_refusal_text(input, refused(reason, created_seen), {});
  }
  Pod pod = test::make_pod("shop", "web-0");
  AzureIdentity identity = test::make_identity("shop", "reader");
  AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  IdentityPermissions permissions;  // there is no policy
  DecisionInput input;
};

TEST_F(RefusalTextTest, DescriptionNamesPodNamespaceAndCommand) {
  for (std::size_t i = 1; i < kRefusalReasons; ++i) {
    EXPECT_THAT(refusal_description(input, refused(static_cast<RefusalReason>(i))),
                AllOf(StartsWith("Identity not found: "), HasSubstr("pod web-0 in namespace shop"),
                      HasSubstr("podid explain pod web-0 -n shop"), Not(HasSubstr("was not refused"))));
  }
  EXPECT_EQ(
      refusal_description(input, refused(RefusalReason::no_binding_label)),
      "Identity not found: pod web-0 in namespace shop has no label aadpodidbinding, so no AzureIdentityBinding can "
      "select it. To see why, run: podid explain pod web-0 -n shop");
}

TEST_F(RefusalTextTest, DescriptionRedactsTheClientId) {
  input.request.client_id = ClientIdView("aabc0000-a83v-9h4m-000j-2c0a66b0c1f9");
  EXPECT_THAT(refusal_description(input, refused(RefusalReason::not_requested)),
              AllOf(HasSubstr("client_id aabc##### REDACTED #####c1f9"), Not(HasSubstr("0000-a83v"))));
}

TEST_F(RefusalTextTest, LegacyTextsOfStandardModeAreThoseOfAadPodIdentity) {
  const std::string created =
      "getting assigned identities for pod shop/web-0 in CREATED state failed after 16 attempts, retry duration [5]s, "
      "error: <nil>. Check MIC pod logs for identity assignment errors";
  EXPECT_EQ(legacy(RefusalReason::awaiting_creation), created);
  EXPECT_EQ(legacy(RefusalReason::no_binding_label), created);
  EXPECT_EQ(legacy(RefusalReason::awaiting_assignment, true),
            "getting assigned identities for pod shop/web-0 in ASSIGNED state failed after 20 attempts, retry duration "
            "[5]s, error: <nil>. Check MIC pod logs for identity assignment errors");
  input.request.client_id = ClientIdView("aabc0000-a83v-9h4m-000j-2c0a66b0c1f9");
  EXPECT_EQ(legacy(RefusalReason::not_requested), "clientID in request: aabc##### REDACTED #####c1f9, " + created);
  EXPECT_EQ(legacy(RefusalReason::namespace_rule),
            "no azure identity found for request clientID aabc##### REDACTED #####c1f9");
  input.request = {{}, ResourceIdView("/some/id"), {}};
  EXPECT_EQ(legacy(RefusalReason::not_requested), "clientID in request: , " + created);
  EXPECT_EQ(legacy(RefusalReason::namespace_rule), "no azure identity found for request clientID ");
  input.request = {};
  EXPECT_THAT(legacy(RefusalReason::namespace_rule), HasSubstr("namespaced mode"));
}

TEST_F(RefusalTextTest, OfThePolicyBothStylesNameItAndTheRemedy) {
  EXPECT_EQ(
      refusal_description(input, refused(RefusalReason::policy_denied)),
      "Identity not found: pod web-0 in namespace shop gets no token: there is no AzureIdentityPolicy default, and "
      "without one no identity may be used; create it (deploy/examples/azureidentitypolicy.yaml is a start). To see "
      "why, run: podid explain pod web-0 -n shop");
  EXPECT_EQ(legacy(RefusalReason::policy_denied), refusal_description(input, refused(RefusalReason::policy_denied)));
  input.mode = OperationMode::managed;
  EXPECT_EQ(legacy(RefusalReason::policy_denied), refusal_description(input, refused(RefusalReason::policy_denied)));
}

TEST_F(RefusalTextTest, LegacyTextsQuoteTheRetryFlags) {
  EXPECT_THAT(legacy_refusal_text(input, refused(RefusalReason::awaiting_creation), {1, 2, 3}),
              HasSubstr("failed after 1 attempts, retry duration [3]s"));
  EXPECT_THAT(legacy_refusal_text(input, refused(RefusalReason::awaiting_assignment, true), {1, 2, 3}),
              HasSubstr("failed after 3 attempts, retry duration [3]s"));
}

TEST_F(RefusalTextTest, LegacyTextsOfManagedModeAreThoseOfAadPodIdentity) {
  input.mode = OperationMode::managed;
  EXPECT_EQ(legacy(RefusalReason::pod_unknown), "failed to get pod shop/web-0, error: pod shop/web-0 doesn't exist");
  for (const auto reason : {RefusalReason::no_binding_label, RefusalReason::no_matching_binding,
                            RefusalReason::identity_missing, RefusalReason::not_requested}) {
    EXPECT_EQ(legacy(reason), "no azure identity found for request clientID ");
  }
}

}  // namespace
}  // namespace podid::core
