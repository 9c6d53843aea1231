// SPDX-License-Identifier: Apache-2.0
#include "core/access/grant_policies.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "core/model/times.hpp"
#include "lab/apiserver/wire/yaml.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;
using Kind = GrantPolicyObject::Kind;
using testing::HasSubstr;

// The objects of deploy/policies/grants.yaml, as if made at one time.
std::vector<json::value> shipped(const std::string& made = "2026-11-28T20:00:00Z") {
  std::ifstream file(PODID_SOURCE_DIR "/deploy/policies/grants.yaml");
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  std::vector<json::value> objects;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\n---\n", at);
    std::string problem;
    auto object = lab::apiserver::parse_yaml(std::string_view(text).substr(at, end - at), problem);
    EXPECT_TRUE(object) << problem;
    if (!object) break;
    object->at("metadata").as_object()["creationTimestamp"] = made;
    objects.push_back(*std::move(object));
    at = end == std::string::npos ? text.size() : end + 5;
  }
  EXPECT_EQ(objects.size(), 4u);
  return objects;
}

GrantPolicies judged(const std::vector<json::value>& objects) {
  std::vector<GrantPolicyObject> read;
  for (const json::value& object : objects) {
    auto one = object.at("kind") == "ValidatingAdmissionPolicy" ? read_grant_policy(object)
                                                                : read_grant_policy_binding(object);
    EXPECT_TRUE(one) << (one ? "" : one.error().message());
    if (one) read.push_back(*std::move(one));
  }
  return judge_grant_policies(read);
}

json::value& spec(json::value& object) { return object.at("spec"); }

TEST(GrantPolicies, WhatIsShippedIsInPlaceAMinuteAfterTheYoungest) {
  auto objects = shipped();
  objects[2].at("metadata").as_object()["creationTimestamp"] = "2026-11-28T21:00:00Z";
  const GrantPolicies policies = judged(objects);
  // Of a changed file the new hash is told here: it goes into kShipped beside the one that was there.
  for (json::value& object : objects) {
    EXPECT_TRUE(policies.in_place()) << policies.problem << ": " << grant_policy_hash(spec(object)) << " "
                                     << object.at("metadata");
  }
  EXPECT_EQ(time_text(policies.count_from), "2026-11-28T21:01:00Z");
}

TEST(GrantPolicies, BeforeTheyAreReadTheyAreNotInPlace) {
  EXPECT_FALSE(GrantPolicies().in_place());
  EXPECT_THAT(GrantPolicies().problem, HasSubstr("not been read yet"));
}

TEST(GrantPolicies, WhatTheApiServerAddsChangesNothing) {
  auto objects = shipped();
  for (json::value& object : objects) {
    json::object& members = object.as_object();
    members["status"] = json::object{{"observedGeneration", 1}, {"typeChecking", json::object()}};
    object.at("metadata").as_object()["managedFields"] = json::array{json::object{{"manager", "kubectl"}}};
    if (json::value* constraints = spec(object).as_object().if_contains("matchConstraints")) {
      constraints->as_object()["namespaceSelector"] = json::object();
      constraints->as_object()["objectSelector"] = json::object();
    } else {
      spec(object).as_object()["matchResources"] =
          json::object{{"matchPolicy", "Equivalent"}, {"namespaceSelector", json::object()}};
      spec(object).as_object()["validationActions"] = json::array{"Audit", "Deny"};
    }
  }
  EXPECT_EQ(judged(objects).problem, "");
}

TEST(GrantPolicies, WhoeverIsRefusedMayBeToldAnotherWay) {
  auto objects = shipped();
  spec(objects[0]).at("validations").as_array()[0].as_object()["messageExpression"] = "'no'";
  EXPECT_EQ(judged(objects).problem, "");
}

TEST(GrantPolicies, EachOfThemIsNeeded) {
  for (std::size_t i = 0; i < 4; ++i) {
    auto objects = shipped();
    const std::string name(objects[i].at("metadata").at("name").as_string());
    objects.erase(objects.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(judged(objects).problem, HasSubstr(name + ", which guards grants, is missing"));
  }
}

TEST(GrantPolicies, WhatWeakensAPolicyIsSeen) {
  const std::pair<std::string_view, std::function<void(json::object&)>> changes[] = {
      {"failure", [](json::object& of) { of["failurePolicy"] = "Ignore"; }},
      {"parameters", [](json::object& of) { of["paramKind"] = json::object{{"apiVersion", "v1"}, {"kind", "Pod"}}; }},
      {"conditions",
       [](json::object& of) {
         of["matchConditions"] = json::array{json::object{{"name", "n"}, {"expression", "false"}}};
       }},
      {"exact", [](json::object& of) { of["matchConstraints"].as_object()["matchPolicy"] = "Exact"; }},
      {"some namespaces",
       [](json::object& of) {
         of["matchConstraints"].as_object()["namespaceSelector"] =
             json::object{{"matchLabels", json::object{{"a", "b"}}}};
       }},
      {"a label called as a default",
       [](json::object& of) {
         of["matchConstraints"].as_object()["namespaceSelector"] =
             json::object{{"matchLabels", json::object{{"failurePolicy", "Fail"}}}};
       }},
      {"a label called as a message",
       [](json::object& of) {
         of["matchConstraints"].as_object()["namespaceSelector"] =
             json::object{{"matchLabels", json::object{{"message", "m"}}}};
       }},
      {"a label called as an expression",
       [](json::object& of) {
         of["matchConstraints"].as_object()["namespaceSelector"] =
             json::object{{"matchLabels", json::object{{"messageExpression", "m"}}}};
       }},
      {"operations",
       [](json::object& of) {
         of["matchConstraints"].as_object()["resourceRules"].as_array()[0].as_object()["operations"] =
             json::array{"CREATE"};
       }},
      {"one name",
       [](json::object& of) {
         of["matchConstraints"].as_object()["resourceRules"].as_array()[0].as_object()["resourceNames"] =
             json::array{"x"};
       }},
      {"left out",
       [](json::object& of) {
         of["matchConstraints"].as_object()["excludeResourceRules"] =
             json::array{json::object{{"resources", json::array{"*"}}}};
       }},
      {"a variable", [](json::object& of) { of["variables"].as_array()[0].as_object()["expression"] = "'alice'"; }},
      {"a validation less", [](json::object& of) { of["validations"].as_array().pop_back(); }},
      {"an expression", [](json::object& of) { of["validations"].as_array()[0].as_object()["expression"] = "true"; }},
      {"a member to come", [](json::object& of) { of["mode"] = "Lenient"; }},
  };
  for (const auto& [what, change] : changes) {
    for (const std::size_t policy : {0u, 2u}) {
      auto objects = shipped();
      change(spec(objects[policy]).as_object());
      EXPECT_THAT(judged(objects).problem, HasSubstr("is not what is shipped")) << what;
    }
  }
}

TEST(GrantPolicies, WhatWeakensABindingIsSeen) {
  const std::pair<std::string_view, std::function<void(json::object&)>> changes[] = {
      {"warns", [](json::object& of) { of["validationActions"] = json::array{"Warn", "Audit"}; }},
      {"another policy", [](json::object& of) { of["policyName"] = "other"; }},
      {"some namespaces",
       [](json::object& of) {
         of["matchResources"] =
             json::object{{"namespaceSelector", json::object{{"matchLabels", json::object{{"a", "b"}}}}}};
       }},
      {"a label called as a message",
       [](json::object& of) {
         of["matchResources"] =
             json::object{{"objectSelector", json::object{{"matchLabels", json::object{{"message", "m"}}}}}};
       }},
      {"a label called as a default",
       [](json::object& of) {
         of["matchResources"] = json::object{
             {"namespaceSelector", json::object{{"matchLabels", json::object{{"failurePolicy", "Fail"}}}}}};
       }},
      {"parameters", [](json::object& of) { of["paramRef"] = json::object{{"name", "p"}}; }},
      {"a wrong type", [](json::object& of) { of["validationActions"] = "Deny"; }},
      {"a member to come", [](json::object& of) { of["sample"] = 0.5; }},
  };
  for (const auto& [what, change] : changes) {
    auto objects = shipped();
    change(spec(objects[1]).as_object());
    EXPECT_THAT(judged(objects).problem, HasSubstr("does not deny all that its policy refuses")) << what;
  }
}

TEST(GrantPolicies, OneOnItsWayOutIsNotInPlace) {
  auto objects = shipped();
  objects[3].at("metadata").as_object()["deletionTimestamp"] = "2026-11-28T20:30:00Z";
  EXPECT_THAT(judged(objects).problem, HasSubstr("is being deleted"));
}

TEST(GrantPolicies, WhatCannotBeReadIsNoPolicy) {
  for (const char* text :
       {"[]", "{}", R"({"metadata":{"name":"n"}})", R"({"metadata":{"name":"n","creationTimestamp":"now"}})"}) {
    EXPECT_FALSE(read_grant_policy(json::parse(text))) << text;
    EXPECT_FALSE(read_grant_policy_binding(json::parse(text))) << text;
  }
  const auto bare =
      read_grant_policy(json::parse(R"({"metadata":{"name":"n","creationTimestamp":"2026-11-28T20:00:00Z"}})"));
  ASSERT_TRUE(bare);
  EXPECT_NE(bare->problem, "");
}

}  // namespace
}  // namespace podid::core
