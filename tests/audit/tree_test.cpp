// SPDX-License-Identifier: Apache-2.0
#include "audit/tree.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "base/text.hpp"

namespace podid::audit {
namespace {

std::string hex(const Hash& hash) { return base::hex({reinterpret_cast<const char*>(hash.data()), hash.size()}); }

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// The definition of RFC 6962, section 2.1, word for word.
Hash defined(const std::vector<std::string>& leaves, std::size_t start, std::size_t n) {
  if (n == 0) return sha256("");
  if (n == 1) return sha256(std::string(1, '\0') + leaves[start]);
  const std::size_t k = std::bit_floor(n - 1);
  const Hash left = defined(leaves, start, k);
  const Hash right = defined(leaves, start + k, n - k);
  std::string bytes = "\1";
  bytes.append(reinterpret_cast<const char*>(left.data()), 32).append(reinterpret_cast<const char*>(right.data()), 32);
  return sha256(bytes);
}

HashReader reader_of(const std::vector<std::string>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> base::Result<Hash> {
    const std::size_t n = std::size_t{1} << level;
    if ((index + 1) * n > leaves.size()) return base::fail(base::ErrorKind::internal, "not complete");
    return defined(leaves, index * n, n);
  };
}

std::vector<std::string> numbered(std::size_t n) {
  std::vector<std::string> leaves;
  for (std::size_t i = 0; i < n; ++i) leaves.push_back("leaf " + std::to_string(i));
  return leaves;
}

// Inputs and roots of Certificate Transparency's reference test vectors.
const std::vector<std::string> kInputs{
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

TEST(AuditTree, TheReferenceVectorsHold) {
  EXPECT_EQ(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Frontier frontier;
  EXPECT_EQ(frontier.root(), empty_root());
  for (std::size_t i = 0; i < kInputs.size(); ++i) {
    frontier.append(leaf_hash(unhex(kInputs[i])));
    EXPECT_EQ(hex(frontier.root()), kRoots[i]) << i;
  }
}

TEST(AuditTree, TheReferenceProofsHold) {
  std::vector<std::string> leaves;
  for (const std::string& input : kInputs) leaves.push_back(unhex(input));
  // PATH(5, 8) and PROOF(6, 8) of the same vectors.
  const auto path = inclusion_proof(5, 8, reader_of(leaves));
  ASSERT_TRUE(path);
  ASSERT_EQ(path->size(), 3);
  EXPECT_EQ(hex((*path)[0]), "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
  EXPECT_EQ(hex((*path)[1]), "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
  EXPECT_EQ(hex((*path)[2]), "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
  const auto proof = consistency_proof(6, 8, reader_of(leaves));
  ASSERT_TRUE(proof);
  ASSERT_EQ(proof->size(), 3);
  EXPECT_EQ(hex((*proof)[0]), "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a");
  EXPECT_EQ(hex((*proof)[1]), "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
  EXPECT_EQ(hex((*proof)[2]), "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
}

TEST(AuditTree, EveryTreeHasTheRootOfTheDefinition) {
  const auto leaves = numbered(300);
  Frontier frontier;
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    EXPECT_EQ(frontier.size(), n);
    const Hash wanted = defined(leaves, 0, n);
    EXPECT_EQ(frontier.root(), wanted) << n;
    EXPECT_EQ(root(n, reader_of(leaves)).value(), wanted) << n;
    EXPECT_EQ(Frontier::load(n, reader_of(leaves)).value().root(), wanted) << n;
    if (n < leaves.size()) frontier.append(leaf_hash(leaves[n]));
  }
}

// Hashes of complete subtrees, made once.
class MemoryTree {
 public:
  explicit MemoryTree(std::size_t n) {
    std::vector<Hash> level;
    for (const std::string& leaf : numbered(n)) level.push_back(leaf_hash(leaf));
    while (!level.empty()) {
      levels_.push_back(level);
      std::vector<Hash> above;
      for (std::size_t i = 0; i + 1 < level.size(); i += 2) above.push_back(node_hash(level[i], level[i + 1]));
      level = std::move(above);
    }
  }
  HashReader reader() const {
    return [this](unsigned level, std::uint64_t index) -> base::Result<Hash> { return levels_.at(level).at(index); };
  }
  const Hash& leaf(std::size_t index) const { return levels_[0][index]; }

 private:
  std::vector<std::vector<Hash>> levels_;
};

TEST(AuditTree, EachLeafOfEachTreeIsProvenAndNothingElse) {
  constexpr std::size_t kMost = 130;
  const MemoryTree tree(kMost);
  for (std::uint64_t size = 1; size <= kMost; ++size) {
    const Hash top = root(size, tree.reader()).value();
    for (std::uint64_t index = 0; index < size; ++index) {
      auto proof = inclusion_proof(index, size, tree.reader()).value();
      ASSERT_TRUE(verify_inclusion(index, size, tree.leaf(index), proof, top)) << index << " of " << size;
      // Another leaf, another place, another root, another length.
      EXPECT_FALSE(verify_inclusion(index, size, tree.leaf((index + 1) % kMost), proof, top));
      EXPECT_FALSE(verify_inclusion(index ^ 1U, size, tree.leaf(index), proof, top) && size > 1);
      EXPECT_FALSE(verify_inclusion(index, size, tree.leaf(index), proof, empty_root()));
      proof.push_back(top);
      EXPECT_FALSE(verify_inclusion(index, size, tree.leaf(index), proof, top));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.back()[7] ^= 1;
      EXPECT_FALSE(verify_inclusion(index, size, tree.leaf(index), proof, top));
      proof.pop_back();
      EXPECT_FALSE(verify_inclusion(index, size, tree.leaf(index), proof, top));
    }
  }
  EXPECT_FALSE(inclusion_proof(5, 5, tree.reader()));
  EXPECT_FALSE(verify_inclusion(5, 5, tree.leaf(4), {}, root(5, tree.reader()).value()));
}

TEST(AuditTree, EachTreeIsProvenToBeginEachLargerOneAndNoOther) {
  constexpr std::size_t kMost = 130;
  const MemoryTree tree(kMost);
  std::vector<Hash> roots;
  for (std::uint64_t size = 0; size <= kMost; ++size) roots.push_back(root(size, tree.reader()).value());
  for (std::uint64_t to = 0; to <= kMost; ++to) {
    for (std::uint64_t from = 0; from <= to; ++from) {
      auto proof = consistency_proof(from, to, tree.reader()).value();
      ASSERT_TRUE(verify_consistency(from, roots[from], to, roots[to], proof)) << from << " in " << to;
      Hash other = roots[from];
      other[3] ^= 4;
      EXPECT_FALSE(verify_consistency(from, other, to, roots[to], proof));
      if (from != 0) {
        Hash fork = roots[to];
        fork[3] ^= 4;
        EXPECT_FALSE(verify_consistency(from, roots[from], to, fork, proof));
      }
      proof.push_back(roots[to]);
      EXPECT_FALSE(verify_consistency(from, roots[from], to, roots[to], proof));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.front()[0] ^= 1;
      EXPECT_FALSE(verify_consistency(from, roots[from], to, roots[to], proof));
      proof.erase(proof.begin());
      EXPECT_FALSE(verify_consistency(from, roots[from], to, roots[to], proof));
    }
  }
  EXPECT_FALSE(consistency_proof(2, 1, tree.reader()));
  EXPECT_FALSE(verify_consistency(2, roots[2], 1, roots[1], {}));
}

TEST(AuditTree, AReadersErrorIsTheAnswer) {
  const HashReader broken = [](unsigned, std::uint64_t) -> base::Result<Hash> {
    return base::fail(base::ErrorKind::not_found, "gone");
  };
  EXPECT_EQ(root(5, broken).error().message, "gone");
  EXPECT_EQ(inclusion_proof(1, 5, broken).error().message, "gone");
  EXPECT_EQ(consistency_proof(3, 5, broken).error().message, "gone");
  EXPECT_EQ(Frontier::load(5, broken).error().message, "gone");
}

}  // namespace
}  // namespace podid::audit
