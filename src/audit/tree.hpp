// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of RFC 6962, section 2.1 (SHA-256): roots, proofs, and checking them. Pure.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::audit {

using Hash = std::array<unsigned char, 32>;

Hash sha256(std::string_view bytes);
Hash leaf_hash(std::string_view leaf);
Hash node_hash(const Hash& left, const Hash& right);
// Of the tree without leaves.
Hash empty_root();

// The hash over the 2^level leaves from index * 2^level on. Asked for complete subtrees alone.
using HashReader = std::function<base::Result<Hash>(unsigned level, std::uint64_t index)>;

base::Result<Hash> root(std::uint64_t size, const HashReader& read);
// The audit path of the leaf `index` < `size`.
base::Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read);
// That the tree of `to` leaves begins with the tree of `from`; empty where from is 0 or `to`.
base::Result<std::vector<Hash>> consistency_proof(std::uint64_t from, std::uint64_t to, const HashReader& read);

// RFC 9162, sections 2.1.3.2 and 2.1.4.2. An error says that the proof does not hold (invalid).
base::Result<> verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                                const std::vector<Hash>& proof, const Hash& root);
base::Result<> verify_consistency(std::uint64_t from, const Hash& from_root, std::uint64_t to, const Hash& to_root,
                                  const std::vector<Hash>& proof);

// The right edge of a growing tree: enough for its root. Not thread-safe.
class Frontier {
 public:
  Frontier() = default;
  // The edge of a tree of `size` leaves.
  static base::Result<Frontier> load(std::uint64_t size, const HashReader& read);
  void append(const Hash& leaf);
  std::uint64_t size() const { return size_; }
  Hash root() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> peaks_;  // of complete subtrees, largest first
};

}  // namespace podid::audit
