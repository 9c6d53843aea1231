// SPDX-License-Identifier: Apache-2.0
// Secrets through the API server, one GET each: nothing is watched and nothing is kept.
#pragma once
#include <boost/json/value.hpp>

#include "base/metrics/metrics.hpp"
#include "kube/client.hpp"
#include "nmi/token/azure_token_source.hpp"

namespace podid::nmi {

// The client's executor. References outlive it. Errors: the API server's about the Secret (`not_found`, `denied`, …);
// `unavailable` or `timeout` where it said nothing about it.
class KubeSecretReader final : public SecretReader {
 public:
  KubeSecretReader(kube::Client& client, base::MetricsRegistry& metrics);
  base::Task<base::Result<Data>> read(core::SecretReference secret, base::SteadyTime deadline) override;

 private:
  kube::Client& client_;
  base::Family<base::Counter>& errors_;
};

// `data` of a Secret, decoded. A value that is not base64 makes the Secret `invalid`.
base::Result<SecretReader::Data> read_secret_data(const boost::json::value& object);

}  // namespace podid::nmi
