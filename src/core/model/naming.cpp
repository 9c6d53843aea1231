// SPDX-License-Identifier: Apache-2.0
#include "core/model/naming.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <tuple>

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

// Compared in place, without building the plain name.
bool is_plain_name(std::string_view name, std::string_view pod, std::string_view ns, std::string_view identity) {
  return name.size() <= kLongestName && name.size() == pod.size() + ns.size() + identity.size() + 2 &&
         name.starts_with(pod) && name[pod.size()] == '-' && name.substr(pod.size() + 1, ns.size()) == ns &&
         name[pod.size() + 1 + ns.size()] == '-' && name.ends_with(identity);
}

std::string fully_hashed_name(const AssignmentKey& key) {
  const std::string parts = key.pod + "/" + key.pod_namespace + "/" + key.identity_namespace + "/" + key.identity;
  return with_hash(plain_name(key), hash_digits(parts), kLongestName);
}

}  // namespace

AssignmentKey key_of(const AzureAssignedIdentity& assigned) {
  return {.pod_namespace = assigned.pod_namespace,
          .pod = assigned.pod,
          .identity = assigned.identity.meta.name,
          .identity_namespace = assigned.identity.meta.ns};
}

bool OwnNamespaceFirst::operator()(const AssignmentKey& a, const AssignmentKey& b) const {
  const bool a_is_foreign = a.identity_namespace != a.pod_namespace;
  const bool b_is_foreign = b.identity_namespace != b.pod_namespace;
  return std::tie(a_is_foreign, a) < std::tie(b_is_foreign, b);
}

std::string assigned_identity_name(const AssignmentKey& key) {
  std::string name = plain_name(key);
  return name.size() <= kLongestName ? name : hashed_assigned_identity_name(key);
}

std::string hashed_assigned_identity_name(const AssignmentKey& key) {
  // No part can contain '/', so different parts never hash the same text.
  return with_hash(plain_name(key), hash_digits(key.pod + "/" + key.pod_namespace + "/" + key.identity), kLongestName);
}

std::vector<std::string> assigned_identity_names(const AssignmentKey& key) {
  return {assigned_identity_name(key), hashed_assigned_identity_name(key), fully_hashed_name(key)};
}

bool is_assigned_identity_name(std::string_view name, const AssignmentKey& key) {
  return is_plain_name(name, key.pod, key.pod_namespace, key.identity) || name == hashed_assigned_identity_name(key) ||
         name == fully_hashed_name(key);
}

bool is_validly_named(const AzureAssignedIdentity& assigned) {
  const std::string& name = assigned.meta.name;
  return is_plain_name(name, assigned.pod, assigned.pod_namespace, assigned.identity.meta.name) ||
         is_assigned_identity_name(name, key_of(assigned));
}

std::string_view malformation(const AzureAssignedIdentity& assigned) {
  const ObjectMeta& meta = assigned.meta;
  if (std::ranges::find(meta.finalizers, kAssignedIdentityFinalizer) == meta.finalizers.end()) {
    return "it lacks the controller's finalizer";
  }
  if (!is_node_label_value(value_or_empty(meta.labels, kNodeNameLabel), assigned.node_name)) {
    return "its label nodename does not name its node";
  }
  if (!is_validly_named(assigned)) return "its name is not that of its pod and identity";
  if (meta.ns != kDefaultAssignmentNamespace && meta.ns != assigned.identity.meta.ns) {
    return "it lies in a namespace where the controller writes none";
  }
  return {};
}

bool is_object_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool in_part = false;  // a part between dots begins and ends with a letter or digit
  char last = '.';
  for (const char c : name) {
    const bool follows_part = in_part && (c == '-' || (c == '.' && last != '-'));
    if (!is_alphanumeric(c) && !follows_part) return false;
    in_part = c != '.';
    last = c;
  }
  return name.size() <= kLongestName && in_part && last != '-';
}

std::string node_label_value(std::string_view node_name) {
  if (node_name.size() <= kLongestLabelValue) return std::string(node_name);
  return with_hash(node_name, hash_digits(node_name), kLongestLabelValue);
}

bool is_node_label_value(std::string_view value, std::string_view node_name) {
  return node_name.size() <= kLongestLabelValue ? value == node_name : value == node_label_value(node_name);
}

std::string_view assignment_namespace(const AzureIdentity& identity, NamespacedMode mode) {
  return mode == NamespacedMode::on || identity.namespaced() ? std::string_view(identity.meta.ns)
                                                             : kDefaultAssignmentNamespace;
}

}  // namespace podid::core
