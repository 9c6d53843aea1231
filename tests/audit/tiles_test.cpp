// SPDX-License-Identifier: Apache-2.0
#include "audit/tiles.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::audit {
namespace {

std::string leaf(std::uint64_t i) { return "record " + std::to_string(i); }

Frontier frontier_of(std::uint64_t size) {
  Frontier frontier;
  for (std::uint64_t i = 0; i < size; ++i) frontier.append(leaf_hash(leaf(i)));
  return frontier;
}

TileStore grown(const std::string& folder, std::uint64_t size) {
  auto store = TileStore::open(folder, 0);
  EXPECT_TRUE(store);
  for (std::uint64_t i = 0; i < size; ++i) {
    store->append(leaf(i));
    if (store->waiting() > 64) EXPECT_TRUE(store->flush());
  }
  EXPECT_TRUE(store->write_partial());
  return std::move(*store);
}

TEST(AuditTiles, PathsAreThoseOfTheSpecification) {
  EXPECT_EQ(tile_path(0, 0, 256), "tile/0/000");
  EXPECT_EQ(tile_path(3, 1234067, 256), "tile/3/x001/x234/067");
  EXPECT_EQ(tile_path(1, 1000, 17), "tile/1/x001/000.p/17");
  EXPECT_EQ(entries_path(273, 112), "tile/entries/273.p/112");
  EXPECT_EQ(entries_path(999, 256), "tile/entries/999");
}

TEST(AuditTiles, ATreeOf70000HasTheTilesOfTheSpecificationsExample) {
  const test::TemporaryFolder folder;
  const TileStore store = grown(folder.path(), 70'000);
  const auto exists = [&folder](const std::string& path) {
    return std::filesystem::is_regular_file(folder.file(path));
  };
  EXPECT_TRUE(exists(tile_path(0, 272, 256)));
  EXPECT_TRUE(exists(tile_path(0, 273, 112)));
  EXPECT_TRUE(exists(tile_path(1, 0, 256)));
  EXPECT_TRUE(exists(tile_path(1, 1, 17)));
  EXPECT_TRUE(exists(tile_path(2, 0, 1)));
  EXPECT_TRUE(exists(entries_path(273, 112)));
  EXPECT_FALSE(exists(tile_path(0, 274, 256)));
  EXPECT_EQ(std::filesystem::file_size(folder.file(tile_path(0, 0, 256))), 8192);
  EXPECT_EQ(store.root(), frontier_of(70'000).root());

  TileReader reader(folder.path(), 70'000);
  EXPECT_EQ(root(70'000, reader.reader()).value(), store.root());
  for (const std::uint64_t index :
       {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{65'536}, std::uint64_t{69'999}}) {
    EXPECT_EQ(reader.entry(index).value(), leaf(index));
    const auto proof = inclusion_proof(index, 70'000, reader.reader());
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_TRUE(verify_inclusion(index, 70'000, leaf_hash(leaf(index)), *proof, store.root()));
  }
  EXPECT_FALSE(reader.entry(70'000));
  const auto older = consistency_proof(1234, 70'000, reader.reader());
  ASSERT_TRUE(older);
  EXPECT_TRUE(verify_consistency(1234, frontier_of(1234).root(), 70'000, store.root(), *older));
}

TEST(AuditTiles, EachSizeReadsAlikeFromDiskAndMemory) {
  for (const std::uint64_t size : {0, 1, 2, 255, 256, 257, 511, 512, 513, 777}) {
    const test::TemporaryFolder folder;
    const TileStore store = grown(folder.path(), size);
    TileReader reader(folder.path(), size);
    EXPECT_EQ(store.root(), frontier_of(size).root());
    EXPECT_EQ(root(size, reader.reader()).value(), store.root()) << size;
    EXPECT_EQ(root(size, [&store](unsigned level, std::uint64_t index) { return store.read(level, index); }).value(),
              store.root())
        << size;
  }
}

TEST(AuditTiles, AStoreIsOpenedAtEachFullTileAndGrowsOn) {
  const test::TemporaryFolder folder;
  grown(folder.path(), 66'100);
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{256}, std::uint64_t{65'536}, std::uint64_t{66'048}}) {
    auto store = TileStore::open(folder.path(), size);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(store->root(), frontier_of(size).root()) << size;
  }
  auto store = TileStore::open(folder.path(), 66'048);
  for (std::uint64_t i = 66'048; i < 67'000; ++i) store->append(leaf(i));
  EXPECT_EQ(store->root(), frontier_of(67'000).root());
  EXPECT_TRUE(store->write_partial());
  TileReader reader(folder.path(), 67'000);
  EXPECT_EQ(root(67'000, reader.reader()).value(), store->root());
}

TEST(AuditTiles, EachCheckpointsEdgeStaysUntilItsTilesAreFull) {
  const test::TemporaryFolder folder;
  TileStore store = grown(folder.path(), 300);
  EXPECT_TRUE(std::filesystem::exists(folder.file(tile_path(0, 1, 44))));
  for (std::uint64_t i = 300; i < 310; ++i) store.append(leaf(i));
  EXPECT_TRUE(store.write_partial());
  EXPECT_TRUE(std::filesystem::exists(folder.file(tile_path(0, 1, 44))));
  EXPECT_TRUE(std::filesystem::exists(folder.file(tile_path(0, 1, 54))));
  for (std::uint64_t i = 310; i < 512; ++i) store.append(leaf(i));
  EXPECT_TRUE(store.write_partial());
  EXPECT_FALSE(std::filesystem::exists(folder.file("tile/0/001.p")));
  // Who has the checkpoint of 310 reads its edge from the full tile.
  TileReader reader(folder.path(), 310);
  EXPECT_EQ(root(310, reader.reader()).value(), frontier_of(310).root());
  EXPECT_EQ(reader.entry(305).value(), leaf(305));
}

TEST(AuditTiles, RetentionRemovesWholeBundlesAndKeepsTheTree) {
  const test::TemporaryFolder folder;
  TileStore store = grown(folder.path(), 1000);
  store.remove_entries(0, 600);
  store.remove_entries(600, 700);
  TileReader reader(folder.path(), 1000);
  EXPECT_FALSE(reader.entry(511));
  EXPECT_EQ(reader.entry(512).value(), leaf(512));
  EXPECT_EQ(root(1000, reader.reader()).value(), store.root());
  store.remove_entries(700, 800);
  EXPECT_FALSE(reader.entry(700));
}

TEST(AuditTiles, WhatCannotBeWrittenWaits) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(base::write_file(folder.file("tile"), "in the way"));
  auto store = TileStore::open(folder.path(), 0);
  ASSERT_TRUE(store);
  for (std::uint64_t i = 0; i < 512; ++i) store->append(leaf(i));
  EXPECT_FALSE(store->flush());
  EXPECT_EQ(store->waiting(), 4);
  const auto read = [&store](unsigned level, std::uint64_t index) { return store->read(level, index); };
  EXPECT_EQ(root(512, read).value(), frontier_of(512).root());
  std::filesystem::remove(folder.file("tile"));
  EXPECT_TRUE(store->flush());
  EXPECT_EQ(store->waiting(), 0);
  TileReader reader(folder.path(), 512);
  EXPECT_EQ(reader.entry(300).value(), leaf(300));
}

TEST(AuditTiles, TilesAndBundlesThatAreMalformedAreRefused) {
  const test::TemporaryFolder folder;
  grown(folder.path(), 300);
  ASSERT_TRUE(base::write_file(folder.file(tile_path(0, 0, 256)), "short"));
  TileReader reader(folder.path(), 300);
  EXPECT_FALSE(reader.read(0, 3));
  EXPECT_FALSE(TileStore::open(folder.path(), 256));
  for (const std::string& bad : {std::string(1, '\0'), std::string("\0\5abc", 5)}) EXPECT_FALSE(parse_entries(bad));
  EXPECT_FALSE(parse_entries(std::string(2 * 257, '\0')));
  EXPECT_EQ(parse_entries(std::string("\0\1a\0\0\0\2bc", 9)).value(), (std::vector<std::string>{"a", "", "bc"}));
}

}  // namespace
}  // namespace podid::audit
