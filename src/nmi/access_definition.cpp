// SPDX-License-Identifier: Apache-2.0
#include "nmi/access_definition.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>

#include "base/json.hpp"
#include "base/log.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kTimeout{30};
constexpr std::chrono::seconds kRetry{30};

}  // namespace

bool keeps_access(const boost::json::value& definition) {
  const boost::json::value* versions = base::find_path(definition, {"spec", "versions"});
  if (versions == nullptr || !versions->is_array()) return false;
  for (const boost::json::value& version : versions->get_array()) {
    if (base::text_at(version, {"name"}) != kube::kAzureIdentityBindings.version) continue;
    const auto* spec = base::find_path(version, {"schema", "openAPIV3Schema", "properties", "spec"});
    if (spec == nullptr) return false;
    const auto* open = base::find_path(*spec, {"x-kubernetes-preserve-unknown-fields"});
    return base::find_path(*spec, {"properties", "access"}) != nullptr ||
           (open != nullptr && open->is_bool() && open->get_bool());
  }
  return false;
}

base::Task<> check_definition(kube::Client& client, base::MetricsRegistry& metrics) {
  const kube::ObjectKey name{
      {}, fmt::format("{}.{}", kube::kAzureIdentityBindings.plural, kube::kAzureIdentityBindings.group)};
  for (bool told = false;; told = true) {
    const auto deadline = net::Deadline::in(client.clock(), kTimeout);
    const auto definition = co_await client.get(kube::kCustomResourceDefinitions, name, deadline);
    if (definition) {
      const bool kept = keeps_access(*definition);
      metrics.gauge(base::metric::kNmiCrdFieldMissing).find_or_add()->set(kept ? 0 : 1);
      if (!kept) {
        base::log::error(
            "the CustomResourceDefinition of AzureIdentityBindings has no spec.access: the API server drops it, and "
            "bindings that were to be limited are not; apply deploy/crds, then the bindings again",
            {{"definition", name.name}});
      }
      co_return;
    }
    if (!told) {
      base::log::warning("whether the definition of AzureIdentityBindings has spec.access is not known",
                         {{"error", definition.error()}});
    }
    if (definition.error().kind == base::ErrorKind::denied) co_return;
    co_await client.clock().sleep_for(kRetry);
  }
}

}  // namespace podid::nmi
