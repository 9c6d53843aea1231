// SPDX-License-Identifier: Apache-2.0
#include "core/access/grant_policies.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <utility>

#include "core/model/json_fields.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

struct Shipped {
  std::string_view name;
  std::string_view hash;
};
// grant_policy_hash() of what deploy/policies/grants.yaml has (a test compares), and of what releases before this one had: the
// policies are applied after the daemons, and what counted must not stop counting in between.
constexpr Shipped kShipped[] = {
    {kGrantPolicies[0], "11f90ab2f5febb2517fa5529e4abac0edebb937900e2a8470534dafb8b4e2f3e"},
    {kGrantPolicies[1], "4f926e92c4d98462aba6bf33f479e63f5e6a6e74b15bccf2ad3f5709f5ef0bd0"},
};

// Where members are, by the member that holds their object; "": the spec. A label or a name may be called as they are.
// What whoever is refused is told, and annotations of the audit.
struct Talk {
  std::string_view in;
  std::string_view member;
};
constexpr Talk kTalk[] = {{"validations", "message"}, {"validations", "messageExpression"}, {"", "auditAnnotations"}};

struct Default {
  std::string_view in;
  std::string_view member;
  std::string_view value;
};
constexpr Default kDefaults[] = {{"", "failurePolicy", "Fail"},
                                 {"matchConstraints", "matchPolicy", "Equivalent"},
                                 {"matchResources", "matchPolicy", "Equivalent"},
                                 {"resourceRules", "scope", "*"}};

bool is_empty(const json::value& value) {
  return value.is_null() || (value.is_object() && value.get_object().empty()) ||
         (value.is_array() && value.get_array().empty());
}

// Sorted, without what the API server adds or what changes nothing: so that two texts differ where two policies do. `in`: the
// member that the value is, or is an item of.
std::string canonical(const json::value& value, std::string_view in) {
  if (const json::object* object = value.if_object()) {
    std::map<std::string_view, std::string> members;
    for (const auto& [key, member] : *object) {
      const bool is_default = std::ranges::any_of(kDefaults, [&](const Default& known) {
        return in == known.in && key == known.member && member == json::string_view(known.value);
      });
      const bool is_talk =
          std::ranges::any_of(kTalk, [&](const Talk& talk) { return in == talk.in && key == talk.member; });
      if (is_default || is_talk || is_empty(member)) continue;
      std::string text = canonical(member, key);
      if (text != "{}") members.emplace(key, std::move(text));
    }
    std::string out = "{";
    for (const auto& [key, text] : members) {
      out += fmt::format("{}{}:{}", out.size() == 1 ? "" : ",", json::serialize(json::string(key)), text);
    }
    return out + "}";
  }
  if (const json::array* array = value.if_array()) {
    std::vector<std::string> items;
    for (const json::value& item : *array) items.push_back(canonical(item, in));
    return fmt::format("[{}]", fmt::join(items, ","));
  }
  return json::serialize(value);
}

Read<GrantPolicyObject> read_object(const json::value& object, GrantPolicyObject::Kind kind) {
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  const JsonFields meta = root.object("metadata");
  GrantPolicyObject read{.kind = kind, .name = meta.text("name"), .created = {}, .problem = {}};
  const auto created = read_time(meta.text("creationTimestamp"));
  if (!created) meta.wrong("creationTimestamp", "is no time");
  if (problem) return std::unexpected(*std::move(problem));
  read.created = *created;
  if (meta.has("deletionTimestamp")) read.problem = "is being deleted";
  return read;
}

std::string_view word(GrantPolicyObject::Kind kind) {
  return kind == GrantPolicyObject::Kind::policy ? "ValidatingAdmissionPolicy" : "ValidatingAdmissionPolicyBinding";
}

}  // namespace

std::string grant_policy_hash(const json::value& spec) {
  const std::string text = canonical(spec, "");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

Read<GrantPolicyObject> read_grant_policy(const json::value& object) {
  auto read = read_object(object, GrantPolicyObject::Kind::policy);
  if (!read) return read;
  const json::value* spec = object.get_object().if_contains("spec");
  const std::string hash = spec == nullptr ? std::string() : grant_policy_hash(*spec);
  const bool is_shipped =
      std::ranges::any_of(kShipped, [&](const Shipped& one) { return one.name == read->name && one.hash == hash; });
  if (read->problem.empty() && !is_shipped) read->problem = "is not what is shipped: apply deploy/policies/grants.yaml";
  return read;
}

Read<GrantPolicyObject> read_grant_policy_binding(const json::value& object) {
  auto read = read_object(object, GrantPolicyObject::Kind::binding);
  if (!read) return read;
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  const JsonFields spec = root.object("spec");
  const std::vector<std::string> actions = spec.list("validationActions");
  const bool whole = spec.text("policyName") == read->name && std::ranges::find(actions, "Deny") != actions.end();
  // What narrows it: matchResources, paramRef. An empty one is no other than none.
  const json::object others = spec.others({"policyName", "validationActions"});
  const bool narrowed =
      std::ranges::any_of(others, [](const auto& member) { return canonical(member.value(), member.key()) != "{}"; });
  if (read->problem.empty() && (problem || !whole || narrowed)) {
    read->problem = "does not deny all that its policy refuses: apply deploy/policies/grants.yaml";
  }
  return read;
}

GrantPolicies judge_grant_policies(std::span<const GrantPolicyObject> objects) {
  using Kind = GrantPolicyObject::Kind;
  GrantPolicies judged{.problem = {}, .count_from = {}};
  for (const std::string_view name : kGrantPolicies) {
    for (const Kind kind : {Kind::policy, Kind::binding}) {
      const auto found = std::ranges::find_if(
          objects, [&](const GrantPolicyObject& object) { return object.kind == kind && object.name == name; });
      if (found != objects.end()) judged.count_from = std::max(judged.count_from, found->created + kPolicySettles);
      if (!judged.problem.empty()) continue;
      if (found == objects.end()) {
        judged.problem = fmt::format(
            "{} {}, which guards grants, is missing: apply deploy/policies/grants.yaml "
            "(Kubernetes 1.30 or later)",
            word(kind), name);
      } else if (!found->problem.empty()) {
        judged.problem = fmt::format("{} {}, which guards grants, {}", word(kind), name, found->problem);
      }
    }
  }
  return judged;
}

}  // namespace podid::core
