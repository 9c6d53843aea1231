// SPDX-License-Identifier: Apache-2.0
#include "core/naming.hpp"

#include <openssl/sha.h>

#include <array>

namespace podid::core {
namespace {

constexpr std::size_t kLongestName = 253;  // of an object (a DNS subdomain)
constexpr std::size_t kLongestLabelValue = 63;
constexpr std::size_t kHashDigits = 10;

std::string hash_digits(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < kHashDigits / 2; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

// `text` cut so that "-" and the digits fit behind it. A name must not have '.' or '-' before the hyphen that
// we add.
std::string with_hash(std::string_view text, std::string_view digits, std::size_t longest) {
  text = text.substr(0, longest - digits.size() - 1);
  while (!text.empty() && (text.back() == '.' || text.back() == '-' || text.back() == '_')) text.remove_suffix(1);
  std::string out(text);
  out += '-';
  out += digits;
  return out;
}

std::string plain_name(const AssignmentKey& key) { return key.pod + "-" + key.pod_namespace + "-" + key.identity; }

}  // namespace

AssignmentKey key_of(const AzureAssignedIdentity& assigned) {
  return {assigned.pod_namespace, assigned.pod, assigned.identity.meta.name};
}

std::string assigned_identity_name(const AssignmentKey& key) {
  std::string name = plain_name(key);
  return name.size() <= kLongestName ? name : hashed_assigned_identity_name(key);
}

std::string hashed_assigned_identity_name(const AssignmentKey& key) {
  // No part can contain '/', so different parts never hash the same text.
  return with_hash(plain_name(key), hash_digits(key.pod + "/" + key.pod_namespace + "/" + key.identity), kLongestName);
}

bool is_assigned_identity_name(std::string_view name, const AssignmentKey& key) {
  // The plain form is compared in place: this runs for every token request.
  const std::size_t pod = key.pod.size();
  const std::size_t ns = key.pod_namespace.size();
  const bool plain = name.size() <= kLongestName && name.size() == pod + ns + key.identity.size() + 2 &&
                     name.starts_with(key.pod) && name[pod] == '-' && name.substr(pod + 1, ns) == key.pod_namespace &&
                     name[pod + 1 + ns] == '-' && name.ends_with(key.identity);
  return plain || name == hashed_assigned_identity_name(key);
}

std::string node_label_value(std::string_view node_name) {
  if (node_name.size() <= kLongestLabelValue) return std::string(node_name);
  return with_hash(node_name, hash_digits(node_name), kLongestLabelValue);
}

bool is_node_label_value(std::string_view value, std::string_view node_name) {
  return node_name.size() <= kLongestLabelValue ? value == node_name : value == node_label_value(node_name);
}

std::string_view assignment_namespace(const AzureIdentity& identity, bool namespaced) {
  return namespaced || identity.namespaced() ? std::string_view(identity.meta.ns) : kDefaultAssignmentNamespace;
}

}  // namespace podid::core
