// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_objects.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/resources_json.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kCallTimeout{20};
constexpr std::uint32_t kPageSize = 500;

template <class T>
using Reader = core::Read<T> (*)(const json::value&);

// All pages of a list, read; what cannot be read goes to `unreadable`.
template <class T>
base::Task<base::Result<std::vector<T>>> list_all(kube::Client& client, kube::ResourceType type, std::string ns,
                                                  Reader<T> read, std::vector<std::string>& unreadable) {
  std::vector<T> objects;
  kube::ListOptions page{.ns = std::move(ns), .limit = kPageSize};
  do {
    const net::Deadline deadline = net::Deadline::in(client.clock(), kCallTimeout);
    auto answer = co_await kube::list_page(client, type, page, deadline);
    if (!answer && answer.error().kind == base::ErrorKind::not_found) {
      co_return base::fail(std::move(answer.error()),
                           fmt::format("the API server has no {}: install deploy/crds", type.plural));
    }
    if (!answer) co_return base::fail(std::move(answer.error()), fmt::format("listing {}", type.plural));
    const json::value* items = base::find_path(*answer, {"items"});
    if (items == nullptr || !items->is_array()) {
      co_return base::fail(base::ErrorKind::invalid, fmt::format("listing {}: the answer has no items", type.plural));
    }
    for (const json::value& item : items->get_array()) {
      auto object = read(item);
      if (object) {
        objects.push_back(std::move(*object));
      } else {
        unreadable.push_back(fmt::format("{} {}: {}", base::to_lower(type.kind), kube::key_of(item).to_string(),
                                         object.error().message()));
      }
    }
    page.continue_token = base::text_at(*answer, {"metadata", "continue"});
  } while (!page.continue_token.empty());
  co_return objects;
}

// The pod is not there: the commonest reason is that it is in another namespace.
base::Task<base::Error> no_such_pod(kube::Client& client, kube::ObjectKey pod, base::Error error) {
  error.message = fmt::format("pod {} does not exist", pod.to_string());
  const kube::ListOptions same_name{.field_selector = "metadata.name=" + pod.name};
  auto answer = co_await client.list(kube::kPods, same_name, net::Deadline::in(client.clock(), kCallTimeout));
  const json::value* items = answer ? base::find_path(*answer, {"items"}) : nullptr;
  if (items == nullptr || !items->is_array() || items->get_array().empty()) co_return error;
  std::vector<std::string> elsewhere;
  for (const json::value& item : items->get_array()) elsewhere.push_back(kube::key_of(item).ns);
  error.message += fmt::format("; there is one of that name in: {} (use -n)", fmt::join(elsewhere, ", "));
  co_return error;
}

}  // namespace

base::Task<base::Result<PodObjects>> read_pod_objects(kube::Client& client, kube::ObjectKey pod) {
  auto found = co_await client.get(kube::kPods, pod, net::Deadline::in(client.clock(), kCallTimeout));
  if (!found && found.error().kind == base::ErrorKind::not_found) {
    auto error = co_await no_such_pod(client, pod, std::move(found.error()));
    co_return std::unexpected(std::move(error));
  }
  if (!found) co_return base::fail(std::move(found.error()), "reading pod " + pod.to_string());
  auto read = core::read_pod(*found);
  if (!read) {
    co_return base::fail(base::ErrorKind::invalid, fmt::format("pod {}: {}", pod.to_string(), read.error().message()));
  }

  PodObjects objects{.pod = std::move(*read)};
  auto bindings = co_await list_all(client, kube::kAzureIdentityBindings, "", core::read_azure_identity_binding,
                                    objects.unreadable);
  if (!bindings) co_return std::unexpected(std::move(bindings.error()));
  objects.bindings = std::move(*bindings);
  auto identities =
      co_await list_all(client, kube::kAzureIdentities, "", core::read_azure_identity, objects.unreadable);
  if (!identities) co_return std::unexpected(std::move(identities.error()));
  objects.identities = std::move(*identities);
  auto exceptions = co_await list_all(client, kube::kAzurePodIdentityExceptions, pod.ns,
                                      core::read_azure_pod_identity_exception, objects.unreadable);
  if (!exceptions) co_return std::unexpected(std::move(exceptions.error()));
  objects.exceptions = std::move(*exceptions);
  auto assigned = co_await list_all(client, kube::kAzureAssignedIdentities, "", core::read_azure_assigned_identity,
                                    objects.unreadable);
  if (!assigned) co_return std::unexpected(std::move(assigned.error()));
  for (core::AzureAssignedIdentity& one : *assigned) {
    if (one.pod == pod.name && one.pod_namespace == pod.ns) objects.assigned.push_back(std::move(one));
  }
  co_return objects;
}

}  // namespace podid::cli
