// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/media_type.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

TEST(MediaType, NegotiatesTheForm) {
  EXPECT_EQ(negotiate(""), Form::object);
  EXPECT_EQ(negotiate("*/*"), Form::object);
  EXPECT_EQ(negotiate("application/vnd.kubernetes.protobuf,application/json"), Form::object);
  EXPECT_EQ(negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/"
                      "json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"),
            Form::table);
  EXPECT_EQ(negotiate("application/json;as=Table;v=v9;g=meta.k8s.io, application/json"), Form::object);
  EXPECT_EQ(negotiate("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"), Form::metadata);
  EXPECT_EQ(negotiate("application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9"), Form::table);
}

TEST(MediaType, RefusesWhatIsNoJson) {
  EXPECT_EQ(negotiate("text/plain"), std::nullopt);
  EXPECT_EQ(negotiate("application/vnd.kubernetes.protobuf"), std::nullopt);
  EXPECT_EQ(negotiate("application/json;q=0"), std::nullopt);
}

TEST(MediaType, SeesTheWishForAggregatedDiscovery) {
  EXPECT_TRUE(wants_aggregated_discovery(
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"));
  EXPECT_FALSE(wants_aggregated_discovery("application/json"));
  EXPECT_FALSE(wants_aggregated_discovery("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList"));
}

}  // namespace
}  // namespace podid::lab::apiserver
