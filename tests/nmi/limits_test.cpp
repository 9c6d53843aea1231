// SPDX-License-Identifier: Apache-2.0
#include "nmi/limits.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

TEST(Limits, FilesAreLeftForOtherThanConnections) {
  const auto connections_with = [](std::uint64_t files, int wanted = 16384) {
    NmiOptions options;
    options.max_connections = wanted;
    leave_files(options, files);
    return options.max_connections;
  };
  EXPECT_EQ(connections_with(1'048'576), 16384);
  EXPECT_EQ(connections_with(~std::uint64_t{0}), 16384) << "no limit";
  EXPECT_EQ(connections_with(16384 + 1024), 16384);
  EXPECT_EQ(connections_with(16384), 16384 - 1024);
  EXPECT_EQ(connections_with(1024), 512);
  EXPECT_EQ(connections_with(1024, 100), 100);
  EXPECT_EQ(connections_with(0), 1);
}

}  // namespace
}  // namespace podid::nmi
