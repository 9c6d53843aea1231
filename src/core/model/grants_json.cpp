// SPDX-License-Identifier: Apache-2.0
#include "core/model/grants_json.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "core/model/access_json.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostUid = 36;
constexpr std::size_t kMostTimeText = 35;
constexpr std::size_t kMostDurationText = 16;
constexpr std::size_t kMostProblem = 256;

// What it was to say may have been a restriction.
bool has_null(const json::value& value) {
  if (const json::object* object = value.if_object()) {
    return std::ranges::any_of(*object, [](const auto& member) { return has_null(member.value()); });
  }
  return value.is_null();
}

// What counts of it.
ObjectMeta read_meta(const JsonFields& fields) {
  ObjectMeta meta;
  meta.name = fields.text("name", kMostName);
  meta.ns = fields.text("namespace", kMostName);
  meta.uid = fields.text("uid", kMostUid);
  meta.resource_version = fields.text("resourceVersion", kMostName);
  meta.creation_timestamp = fields.text("creationTimestamp", kMostTimeText);
  meta.deletion_timestamp = fields.text("deletionTimestamp", kMostTimeText);
  return meta;
}

void refuse_unknown(const JsonFields& fields, std::initializer_list<std::string_view> known) {
  if (!fields.others(known).empty()) fields.wrong("", "has a member that this release does not know");
}

JsonFields spec_of(const JsonFields& root [[clang::lifetimebound]]) {
  const json::value* spec = root.value("spec");
  if (spec != nullptr && has_null(*spec)) root.wrong("spec", "has a member that is null");
  return root.object("spec");
}

// The path may have anybody's text in it.
std::string bounded(const Invalid& problem) {
  std::string text = problem.message();
  if (text.size() > kMostProblem) text.resize(kMostProblem);
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

std::string needed(const JsonFields& fields, std::string_view name, std::size_t most) {
  std::string text = fields.text(name, most);
  if (text.empty()) fields.wrong(name, "is missing");
  return text;
}

void read_spec(const JsonFields& spec, AzureIdentityGrant& grant) {
  refuse_unknown(spec, {"binding", "duration", "notBefore", "reason", "requestedBy", "podSelector", "revocation"});
  grant.binding = needed(spec, "binding", kMostName);
  grant.requested_by = needed(spec, "requestedBy", kMostUserName);
  grant.reason = needed(spec, "reason", kMostReason);
  const auto duration = read_duration(needed(spec, "duration", kMostDurationText));
  if (!duration || *duration < kShortestGrant || *duration > kLongestGrant) {
    spec.wrong("duration", "is no duration from 1m to 168h in hours, minutes and seconds, such as 1h30m");
  }
  grant.duration = duration.value_or(std::chrono::seconds(0));
  if (spec.has("notBefore")) {
    grant.not_before = read_time(spec.text("notBefore", kMostTimeText));
    if (!grant.not_before) spec.wrong("notBefore", "is no RFC 3339 time with seconds and zone");
  }
  if (spec.has("podSelector")) {
    const JsonFields selector = spec.object("podSelector");
    refuse_unknown(selector, {"matchLabels"});
    grant.pod_labels = selector.strings("matchLabels", kMostGrantLabels, kMostLabelKey);
    if (grant.pod_labels.empty()) selector.wrong("matchLabels", "is missing or empty");
  }
  if (spec.has("revocation")) {
    // There being one is what counts.
    const JsonFields revocation = spec.object("revocation");
    grant.revocation = {.by = revocation.text("by", kMostUserName), .reason = revocation.text("reason", kMostReason)};
  }
}

}  // namespace

Read<AzureIdentityGrant> read_azure_identity_grant(const json::value& object) {
  AzureIdentityGrant grant;
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  grant.meta = read_meta(root.object("metadata"));
  if (problem) return std::unexpected(*std::move(problem));
  read_spec(spec_of(root), grant);
  if (problem) grant.invalid = bounded(*problem);
  return grant;
}

Read<AzureIdentityGrantApproval> read_azure_identity_grant_approval(const json::value& object) {
  AzureIdentityGrantApproval approval;
  std::optional<Invalid> problem;
  const JsonFields root(object, problem);
  approval.meta = read_meta(root.object("metadata"));
  const JsonFields spec = spec_of(root);
  refuse_unknown(spec, {"grant", "grantUID", "binding", "requestedBy", "approvedBy", "comment"});
  approval.grant = needed(spec, "grant", kMostName);
  approval.grant_uid = needed(spec, "grantUID", kMostUid);
  approval.binding = needed(spec, "binding", kMostName);
  approval.requested_by = needed(spec, "requestedBy", kMostUserName);
  approval.approved_by = needed(spec, "approvedBy", kMostUserName);
  approval.comment = spec.text("comment", kMostReason);
  if (problem) return std::unexpected(*std::move(problem));
  return approval;
}

}  // namespace podid::core
