// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/metadata.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

TEST(Metadata, NamesFollowTheirRules) {
  const std::string long_name(64, 'a');
  EXPECT_FALSE(dns_subdomain_problem("a.b-c.9"));
  EXPECT_TRUE(dns_subdomain_problem("A"));
  EXPECT_TRUE(dns_subdomain_problem("-a"));
  EXPECT_TRUE(dns_subdomain_problem(std::string(254, 'a')));
  EXPECT_FALSE(dns_label_problem("a-b"));
  EXPECT_TRUE(dns_label_problem("a.b"));
  EXPECT_TRUE(dns_label_problem(long_name));
  EXPECT_FALSE(qualified_name_problem("example.com/My_Name.x"));
  for (const std::string_view bad : {"", "/a", "a/", "a/b/c", "a b", "A_B/c"})
    EXPECT_TRUE(qualified_name_problem(bad)) << bad;
  EXPECT_TRUE(qualified_name_problem(long_name));
  EXPECT_FALSE(label_value_problem(""));
  EXPECT_FALSE(label_value_problem("My.value_1"));
  EXPECT_TRUE(label_value_problem("a/b"));
  EXPECT_TRUE(label_value_problem(long_name));
  EXPECT_TRUE(path_segment_problem(".."));
  EXPECT_TRUE(path_segment_problem("a/b"));
}

TEST(Metadata, IsShapedToItsMembers) {
  json::object metadata = json::parse(R"({"name":"a","foo":1,"selfLink":"x","managedFields":[{}],"labels":{},
                                          "creationTimestamp":null,"finalizers":["x"],"annotations":{"a":null}})")
                              .as_object();
  std::vector<std::string> unknown;
  ASSERT_TRUE(shape_metadata(metadata, "metadata", unknown));
  EXPECT_EQ(json::value(metadata), json::parse(R"({"name":"a","finalizers":["x"],"annotations":{"a":""}})"));
  EXPECT_EQ(unknown, std::vector<std::string>{"metadata.foo"});
}

TEST(Metadata, WrongTypesAreRefused) {
  for (const std::string_view text :
       {R"({"name":1})", R"({"labels":{"a":1}})", R"({"labels":[]})", R"({"finalizers":[1]})", R"({"generation":"1"})",
        R"({"creationTimestamp":"soon"})", R"({"ownerReferences":[1]})"}) {
    json::object metadata = json::parse(text).as_object();
    std::vector<std::string> unknown;
    const auto shaped = shape_metadata(metadata, "metadata", unknown);
    ASSERT_FALSE(shaped) << text;
    EXPECT_EQ(shaped.error().code, 400);
  }
}

TEST(Metadata, FormatsAreChecked) {
  const auto fields = [](std::string_view text) {
    std::vector<StatusCause> causes;
    validate_metadata(json::parse(text).as_object(), dns_subdomain_problem, "metadata", causes);
    std::vector<std::string> out;
    for (const StatusCause& cause : causes) out.push_back(cause.field);
    return out;
  };
  using Fields = std::vector<std::string>;
  EXPECT_EQ(fields(R"({"name":"a","labels":{"a":"b"},"finalizers":["x.y/z"]})"), Fields{});
  EXPECT_EQ(fields("{}"), Fields{"metadata.name"});
  EXPECT_EQ(fields(R"({"name":"A"})"), Fields{"metadata.name"});
  EXPECT_EQ(fields(R"({"name":"a","generateName":"a-"})"), Fields{});
  EXPECT_EQ(fields(R"({"name":"a","labels":{"a b":"c d"}})"), (Fields{"metadata.labels", "metadata.labels"}));
  EXPECT_EQ(fields(R"({"name":"a","annotations":{"a b":"c d"}})"), Fields{"metadata.annotations"});
  EXPECT_EQ(fields(R"({"name":"a","finalizers":["b c"]})"), Fields{"metadata.finalizers[0]"});
  EXPECT_EQ(fields(R"({"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p"}]})"),
            Fields{"metadata.ownerReferences[0].uid"});
  const std::string big(256 * 1024, 'x');
  EXPECT_EQ(fields(R"({"name":"a","annotations":{"a":")" + big + R"("}})"), Fields{"metadata.annotations"});
}

}  // namespace
}  // namespace podid::lab::apiserver
