// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/request_url.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

std::string place(std::string_view target) {
  const auto path = parse_resource_path(*RequestUrl::parse(target));
  if (!path) return "(none)";
  return path->group + "|" + path->version + "|" + path->ns + "|" + path->plural + "|" + path->name + "|" +
         path->subresource;
}

TEST(RequestUrl, NamesResources) {
  EXPECT_EQ(place("/api/v1/pods"), "|v1||pods||");
  EXPECT_EQ(place("/api/v1/nodes/n/status"), "|v1||nodes|n|status");
  EXPECT_EQ(place("/api/v1/namespaces"), "|v1||namespaces||");
  EXPECT_EQ(place("/api/v1/namespaces/x"), "|v1||namespaces|x|");
  EXPECT_EQ(place("/api/v1/namespaces/x/status"), "|v1||namespaces|x|status");
  EXPECT_EQ(place("/api/v1/namespaces/x/pods/p/status?a=b"), "|v1|x|pods|p|status");
  EXPECT_EQ(place("/apis/g.io/v1/namespaces/x/foos/f"), "g.io|v1|x|foos|f|");
  EXPECT_EQ(place("/apis/g.io/v1/foos"), "g.io|v1||foos||");
  for (const std::string_view other : {"/", "/api", "/api/v1", "/apis/g.io/v1", "/version", "/api/v1/a/b/c/d"}) {
    EXPECT_EQ(place(other), "(none)") << other;
  }
}

TEST(RequestUrl, DecodesParameters) {
  const auto url = RequestUrl::parse("/a%2Fb/c?x=1%3D2&flag&no=false&zero=0&plus=a+b&x=3");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->segments, (std::vector<std::string>{"a/b", "c"}));
  EXPECT_EQ(url->parameter("x"), "1=2");
  EXPECT_EQ(url->parameter("plus"), "a b");
  EXPECT_EQ(url->parameter("none"), std::nullopt);
  EXPECT_TRUE(url->flag("flag"));
  EXPECT_FALSE(url->flag("no"));
  EXPECT_FALSE(url->flag("zero"));
  EXPECT_FALSE(url->flag("none"));
  EXPECT_FALSE(RequestUrl::parse("/a?b=%zz"));
  EXPECT_FALSE(RequestUrl::parse("/%2"));
}

}  // namespace
}  // namespace podid::lab::apiserver
