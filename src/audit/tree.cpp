// SPDX-License-Identifier: Apache-2.0
#include "audit/tree.hpp"

#include <bit>
#include <initializer_list>
#include <new>

#include "audit/openssl_ptr.hpp"

namespace podid::audit {
namespace {

// One context a thread: making one costs more than hashing a line.
Hash digest(std::initializer_list<std::string_view> parts) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const DigestPtr context(EVP_MD_CTX_new());
  Hash hash{};
  bool ok = kSha256 != nullptr && context != nullptr && EVP_DigestInit_ex2(context.get(), kSha256, nullptr) == 1;
  for (const std::string_view part : parts) {
    ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  // Without memory or without SHA-256 there is nothing that this process could still do.
  if (!ok || EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) throw std::bad_alloc();
  return hash;
}

std::string_view bytes_of(const Hash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

std::uint64_t largest_power_below(std::uint64_t n) { return std::bit_floor(n - 1); }

// Hash of the leaves [start, start + n), where start is a multiple of the largest power of two in n.
base::Result<Hash> range_hash(std::uint64_t start, std::uint64_t n, const HashReader& read) {
  if (std::has_single_bit(n)) {
    const auto level = static_cast<unsigned>(std::countr_zero(n));
    return read(level, start >> level);
  }
  const std::uint64_t k = largest_power_below(n);
  auto left = range_hash(start, k, read);
  if (!left) return left;
  auto right = range_hash(start + k, n - k, read);
  if (!right) return right;
  return node_hash(*left, *right);
}

base::Result<> append_range(std::vector<Hash>& proof, std::uint64_t start, std::uint64_t n, const HashReader& read) {
  auto hash = range_hash(start, n, read);
  if (!hash) return std::unexpected(std::move(hash.error()));
  proof.push_back(*hash);
  return {};
}

// RFC 6962, section 2.1.2: SUBPROOF(m, D[start : start + n], whole).
base::Result<> subproof(std::vector<Hash>& proof, std::uint64_t m, std::uint64_t start, std::uint64_t n, bool whole,
                        const HashReader& read) {
  if (m == n) return whole ? base::Result<>{} : append_range(proof, start, n, read);
  const std::uint64_t k = largest_power_below(n);
  if (m <= k) {
    auto below = subproof(proof, m, start, k, whole, read);
    return below ? append_range(proof, start + k, n - k, read) : below;
  }
  auto below = subproof(proof, m - k, start + k, n - k, false, read);
  return below ? append_range(proof, start, k, read) : below;
}

std::unexpected<base::Error> does_not_hold(std::string_view what) {
  return base::fail(base::ErrorKind::invalid, "the proof does not hold: " + std::string(what));
}

}  // namespace

Hash sha256(std::string_view bytes) { return digest({bytes}); }
Hash leaf_hash(std::string_view leaf) { return digest({std::string_view("\0", 1), leaf}); }
Hash node_hash(const Hash& left, const Hash& right) { return digest({"\1", bytes_of(left), bytes_of(right)}); }
Hash empty_root() { return digest({}); }

base::Result<Hash> root(std::uint64_t size, const HashReader& read) {
  if (size == 0) return empty_root();
  return range_hash(0, size, read);
}

base::Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read) {
  if (index >= size) return base::fail(base::ErrorKind::invalid, "no such leaf in the tree");
  // From the root down, the siblings; a proof lists them from the leaf up.
  std::vector<Hash> proof;
  std::uint64_t start = 0;
  for (std::uint64_t n = size; n > 1;) {
    const std::uint64_t k = largest_power_below(n);
    const bool left = index - start < k;
    auto appended = left ? append_range(proof, start + k, n - k, read) : append_range(proof, start, k, read);
    if (!appended) return std::unexpected(std::move(appended.error()));
    if (!left) start += k;
    n = left ? k : n - k;
  }
  return std::vector<Hash>(proof.rbegin(), proof.rend());
}

base::Result<std::vector<Hash>> consistency_proof(std::uint64_t from, std::uint64_t to, const HashReader& read) {
  if (from > to) return base::fail(base::ErrorKind::invalid, "the older tree is larger than the newer one");
  std::vector<Hash> proof;
  if (from == 0 || from == to) return proof;
  auto made = subproof(proof, from, 0, to, true, read);
  if (!made) return std::unexpected(std::move(made.error()));
  return proof;
}

base::Result<> verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                                const std::vector<Hash>& proof, const Hash& root) {
  if (index >= size) return does_not_hold("no such leaf in the tree");
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (sn == 0) return does_not_hold("it is too long");
    if ((fn & 1U) != 0 || fn == sn) {
      hash = node_hash(sibling, hash);
      while ((fn & 1U) == 0 && fn != 0) {
        fn >>= 1U;
        sn >>= 1U;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  if (sn != 0) return does_not_hold("it is too short");
  if (hash != root) return does_not_hold("it leads to another root");
  return {};
}

base::Result<> verify_consistency(std::uint64_t from, const Hash& from_root, std::uint64_t to, const Hash& to_root,
                                  const std::vector<Hash>& proof) {
  if (from > to) return does_not_hold("the older tree is larger than the newer one");
  if (from == 0 || from == to) {
    if (!proof.empty()) return does_not_hold("it is too long");
    if (from_root != (from == 0 ? empty_root() : to_root)) return does_not_hold("another root at the same size");
    return {};
  }
  // A tree of a power of two leaves is itself the first hash.
  std::size_t next = 0;
  if (!std::has_single_bit(from) && proof.empty()) return does_not_hold("it is too short");
  Hash old_hash = std::has_single_bit(from) ? from_root : proof[next++];
  Hash new_hash = old_hash;
  std::uint64_t fn = from - 1;
  std::uint64_t sn = to - 1;
  while ((fn & 1U) != 0) {
    fn >>= 1U;
    sn >>= 1U;
  }
  for (; next < proof.size(); ++next) {
    if (sn == 0) return does_not_hold("it is too long");
    if ((fn & 1U) != 0 || fn == sn) {
      old_hash = node_hash(proof[next], old_hash);
      new_hash = node_hash(proof[next], new_hash);
      while ((fn & 1U) == 0 && fn != 0) {
        fn >>= 1U;
        sn >>= 1U;
      }
    } else {
      new_hash = node_hash(new_hash, proof[next]);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  if (sn != 0) return does_not_hold("it is too short");
  if (old_hash != from_root) return does_not_hold("the older tree is another one");
  if (new_hash != to_root) return does_not_hold("the newer tree is another one");
  return {};
}

base::Result<Frontier> Frontier::load(std::uint64_t size, const HashReader& read) {
  Frontier frontier;
  std::uint64_t start = 0;
  for (std::uint64_t rest = size; rest != 0;) {
    const std::uint64_t n = std::bit_floor(rest);
    const auto level = static_cast<unsigned>(std::countr_zero(n));
    auto hash = read(level, start >> level);
    if (!hash) return std::unexpected(std::move(hash.error()));
    frontier.peaks_.push_back(*hash);
    start += n;
    rest -= n;
  }
  frontier.size_ = size;
  return frontier;
}

void Frontier::append(const Hash& leaf) {
  Hash hash = leaf;
  // Each complete pair becomes one: as many as the old size has ones at its end.
  for (std::uint64_t pairs = size_; (pairs & 1U) != 0; pairs >>= 1U) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

Hash Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  Hash hash = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) hash = node_hash(peaks_[i], hash);
  return hash;
}

}  // namespace podid::audit
