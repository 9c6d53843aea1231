// SPDX-License-Identifier: Apache-2.0
#include "mic/control/assigned_api.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "core/access/calendar.hpp"
#include "core/model/naming.hpp"
#include "core/model/resources_json.hpp"
#include "mic/plan/release.hpp"

namespace podid::mic {
namespace json = kube::json;
namespace {

using Assigned = core::AzureAssignedIdentity;

constexpr std::string_view kOurAnnotations[] = {core::kPodUidAnnotation,        core::kComputeAnnotation,
                                                core::kAzureClientIdAnnotation, core::kAccessAnnotation,
                                                core::kHolidaysAnnotation,      kPendingDetachAnnotation};

kube::ObjectKey object_key(const Assigned& assigned) { return {.ns = assigned.meta.ns, .name = assigned.meta.name}; }

net::Deadline write_deadline(const kube::Client& client) {
  return net::Deadline::in(client.clock(), kube::kWriteTimeout);
}

base::Result<Assigned> decode(const base::Result<json::value>& answer) {
  if (!answer) return std::unexpected(answer.error());
  auto assigned = core::read_azure_assigned_identity(*answer);
  if (assigned) return std::move(*assigned);
  return base::fail(base::ErrorKind::invalid, "the API server's answer: " + assigned.error().message());
}

// A patch that would change the uid is refused as an invalid change of an immutable field.
bool is_another_object(const base::Error& error) {
  return error.kind == base::ErrorKind::conflict || error.http_status == 422;
}

}  // namespace

json::object status_patch(const Assigned& stored, const Assigned& wanted) {
  json::object meta{{"uid", stored.meta.uid}};
  json::object annotations;
  for (const std::string_view name : kOurAnnotations) {
    const std::string_view before = core::value_or_empty(stored.meta.annotations, name);
    const std::string_view after = core::value_or_empty(wanted.meta.annotations, name);
    if (before == after) continue;
    annotations[name] = after.empty() ? json::value(nullptr) : json::value(json::string(after));
  }
  if (!annotations.empty()) meta["annotations"] = std::move(annotations);
  json::object body{{"metadata", std::move(meta)}};
  if (stored.status != wanted.status) body["status"] = json::object{{"status", wanted.status}};
  return body;
}

json::object finalizer_patch(const Assigned& stored, const std::string& status) {
  json::object meta{{"uid", stored.meta.uid}};
  json::array others;
  for (const std::string& finalizer : stored.meta.finalizers) {
    if (finalizer != core::kAssignedIdentityFinalizer) others.emplace_back(finalizer);
  }
  if (others.size() != stored.meta.finalizers.size()) {
    // A list is replaced as a whole; the version keeps a finalizer that somebody else adds meanwhile.
    if (!others.empty()) meta["resourceVersion"] = stored.meta.resource_version;
    meta["finalizers"] = others.empty() ? json::value(nullptr) : json::value(std::move(others));
  }
  json::object body{{"metadata", std::move(meta)}};
  if (!status.empty() && stored.status != status) body["status"] = json::object{{"status", status}};
  return body;
}

base::Task<base::Result<Assigned>> KubeAssignedApi::create(Assigned wanted) {
  auto answer = co_await client_.create(kube::kAzureAssignedIdentities, core::write_azure_assigned_identity(wanted),
                                        write_deadline(client_));
  co_return decode(answer);
}

base::Task<base::Result<Assigned>> KubeAssignedApi::replace(Assigned stored, Assigned wanted) {
  // Metadata of the stored object, with the labels of the new one and our annotations (api.md §4.2).
  core::ObjectMeta meta = stored.meta;
  meta.labels = wanted.meta.labels;
  for (const std::string_view name : kOurAnnotations) {
    const std::string_view value = core::value_or_empty(wanted.meta.annotations, name);
    if (value.empty()) {
      meta.annotations.erase(std::string(name));
    } else {
      meta.annotations.insert_or_assign(std::string(name), std::string(value));
    }
  }
  if (std::ranges::find(meta.finalizers, core::kAssignedIdentityFinalizer) == meta.finalizers.end()) {
    meta.finalizers.emplace_back(core::kAssignedIdentityFinalizer);
  }
  wanted.meta = std::move(meta);
  auto answer = co_await client_.replace(kube::kAzureAssignedIdentities, core::write_azure_assigned_identity(wanted),
                                         "", write_deadline(client_));
  co_return decode(answer);
}

base::Task<base::Result<Assigned>> KubeAssignedApi::patch(Assigned stored, json::object body) {
  kube::Patch patch;
  patch.type = kube::PatchType::merge;
  patch.body = std::move(body);
  auto answer = co_await client_.patch(kube::kAzureAssignedIdentities, object_key(stored), std::move(patch),
                                       write_deadline(client_));
  if (!answer && is_another_object(answer.error())) answer.error().kind = base::ErrorKind::conflict;
  co_return decode(answer);
}

base::Task<base::Result<Assigned>> KubeAssignedApi::update_status(Assigned stored, Assigned wanted) {
  json::object body = status_patch(stored, wanted);
  auto result = co_await patch(std::move(stored), std::move(body));
  co_return result;
}

base::Task<base::Result<std::optional<Assigned>>> KubeAssignedApi::take_finalizer(Assigned stored, std::string status) {
  json::object body = finalizer_patch(stored, status);
  const bool ends = stored.meta.deleting();
  auto result = co_await patch(std::move(stored), std::move(body));
  if (!result) {
    if (result.error().kind == base::ErrorKind::not_found) co_return std::optional<Assigned>();
    co_return std::unexpected(result.error());
  }
  if (ends && result->meta.finalizers.empty()) co_return std::optional<Assigned>();
  co_return std::optional<Assigned>(std::move(*result));
}

base::Task<base::Result<std::optional<Assigned>>> KubeAssignedApi::remove(Assigned stored) {
  kube::RemoveOptions options;
  options.uid = stored.meta.uid;
  auto answer = co_await client_.remove(kube::kAzureAssignedIdentities, object_key(stored), std::move(options),
                                        write_deadline(client_));
  if (!answer) {
    if (answer.error().kind == base::ErrorKind::not_found) co_return std::optional<Assigned>();
    co_return std::unexpected(answer.error());
  }
  if (base::text_at(*answer, {"kind"}) != kube::kAzureAssignedIdentities.kind) co_return std::optional<Assigned>();
  auto remaining = decode(answer);
  if (!remaining) co_return std::unexpected(remaining.error());
  if (!remaining->meta.deleting()) co_return std::optional<Assigned>();  // the object as it was when it went
  co_return std::optional<Assigned>(std::move(*remaining));
}

}  // namespace podid::mic
