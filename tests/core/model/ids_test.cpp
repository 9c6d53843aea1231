// SPDX-License-Identifier: Apache-2.0
#include "core/model/ids.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace podid::core {
namespace {

TEST(Ids, AreTheSameInAnyCaseAndEqualToTheByte) {
  const ClientId id("Client-1");
  EXPECT_TRUE(id.same_as(ClientIdView("cLIENT-1")));
  EXPECT_FALSE(id.same_as(ClientIdView("client-2")));
  EXPECT_EQ(id, ClientId("Client-1"));
  EXPECT_NE(id, ClientId("client-1"));
  EXPECT_TRUE(ClientId().empty());
}

TEST(Ids, DoNotTakeEachOthersPlace) {
  static_assert(!std::is_convertible_v<std::string, ClientId>);
  static_assert(!std::is_convertible_v<const char*, ClientIdView>);
  static_assert(!std::is_convertible_v<ResourceId, ClientIdView>);
  static_assert(!std::is_constructible_v<ClientId, ResourceId>);
  static_assert(std::is_convertible_v<ClientId, ClientIdView>);
}

}  // namespace
}  // namespace podid::core
