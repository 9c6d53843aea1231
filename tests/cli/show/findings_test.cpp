// SPDX-License-Identifier: Apache-2.0
#include "cli/show/findings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/open_definition.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ApproversTest : public ::testing::Test {
 protected:
  std::vector<std::string> approvers() { return approvers_of({"shop", "reader"}, roles_); }
  static json::value role(const std::string& name, const std::string& rules, const std::string& ns = "") {
    return json::parse(R"({"metadata": {"name": ")" + name + R"(", "namespace": ")" + ns + R"("}, "rules": [)" + rules +
                       "]}");
  }
  static json::value bound(const std::string& kind, const std::string& name, const std::string& subject_kind,
                           const std::string& subject, const std::string& ns = "") {
    return {{"metadata", {{"name", "b"}, {"namespace", ns}}},
            {"roleRef", {{"kind", kind}, {"name", name}}},
            {"subjects", json::array{json::object{{"kind", subject_kind}, {"name", subject}}}}};
  }
  static constexpr const char* kApprove =
      R"({"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureidentitybindings"], "verbs": ["approve"]})";

  ApproverRoles roles_;
};

TEST_F(ApproversTest, AreThoseWithTheVerbInTheNamespaceOrEverywhere) {
  EXPECT_THAT(approvers(), IsEmpty());
  roles_.cluster_roles = {role("podid-approver", kApprove)};
  roles_.role_bindings = {bound("ClusterRole", "podid-approver", "Group", "oncall", "shop"),
                          bound("ClusterRole", "podid-approver", "Group", "others", "bank")};
  roles_.cluster_role_bindings = {bound("ClusterRole", "podid-approver", "User", "alice")};
  EXPECT_THAT(approvers(),
              ElementsAre("Group oncall (ClusterRole podid-approver)", "User alice (ClusterRole podid-approver)"));
}

TEST_F(ApproversTest, WhoMayDoEverythingApprovesTooAndIsMarked) {
  roles_.roles = {role("owner", R"({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})", "shop"),
                  role("owner", kApprove, "bank")};
  roles_.role_bindings = {bound("Role", "owner", "User", "carol", "shop")};
  EXPECT_THAT(approvers(), ElementsAre("User carol (Role owner, by *)"));
}

TEST_F(ApproversTest, OneNamedBindingIsThatOneAndServiceAccountsDoNotApprove) {
  roles_.cluster_roles = {
      role("one",
           R"({"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureidentitybindings"], "verbs": ["approve"],
                      "resourceNames": ["writer"]})"),
      role("view",
           R"({"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureidentitybindings"], "verbs": ["get"]})"),
      role("podid-approver", kApprove)};
  roles_.cluster_role_bindings = {bound("ClusterRole", "one", "User", "dave"),
                                  bound("ClusterRole", "view", "User", "eve"),
                                  bound("ClusterRole", "podid-approver", "ServiceAccount", "ci")};
  EXPECT_THAT(approvers(), IsEmpty());
}

}  // namespace
}  // namespace podid::cli
