// SPDX-License-Identifier: Apache-2.0
#include "nmi/access_definition.hpp"

#include "base/log.hpp"
#include "kube/definition.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kTimeout{30};
constexpr std::chrono::seconds kRetry{30};

}  // namespace

base::Task<> check_definition(kube::Client& client, base::MetricsRegistry& metrics) {
  const kube::ObjectKey name = kube::definition_of(kube::kAzureIdentityBindings);
  for (bool told = false;; told = true) {
    const auto deadline = net::Deadline::in(client.clock(), kTimeout);
    const auto definition = co_await client.get(kube::kCustomResourceDefinitions, name, deadline);
    if (definition) {
      const bool kept = kube::keeps_spec_member(*definition, kube::kAzureIdentityBindings, "access");
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
