// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/kube_secret_reader.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace podid::nmi {

KubeSecretReader::KubeSecretReader(kube::Client& client, base::MetricsRegistry& metrics)
    : client_(client), errors_(metrics.counter(base::metric::kKubernetesApiErrors)) {}

base::Task<base::Result<SecretReader::Data>> KubeSecretReader::read(core::SecretReference secret,
                                                                    base::SteadyTime deadline) {
  const net::Deadline until = net::Deadline::at(deadline);
  base::Result<boost::json::value> object = co_await client_.get(kube::kSecrets, {secret.ns, secret.name}, until);
  if (!object) {
    errors_.increment({"get_secret"});
    base::Error error = std::move(object.error());
    // Without a status the server has not answered, or not in a way that says anything about the Secret.
    if (error.http_status == 0 && error.kind != base::ErrorKind::timeout) error.kind = base::ErrorKind::unavailable;
    co_return std::unexpected(std::move(error));
  }
  co_return read_secret_data(*object);
}

base::Result<SecretReader::Data> read_secret_data(const boost::json::value& object) {
  SecretReader::Data data;
  const boost::json::value* values = base::find_path(object, {"data"});
  if (values == nullptr || !values->is_object()) return data;
  for (const auto& [key, value] : values->get_object()) {
    const boost::json::string* text = value.if_string();
    std::optional<std::string> bytes;
    if (text != nullptr) bytes = base::base64_decode(*text);
    if (!bytes) {
      return base::fail(base::ErrorKind::invalid, "its entry " + std::string(key) + " is not base64 text");
    }
    data.values.emplace_back(key, base::Secret(std::move(*bytes)));
  }
  return data;
}

}  // namespace podid::nmi
