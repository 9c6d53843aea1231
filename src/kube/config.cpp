// SPDX-License-Identifier: Apache-2.0
#include "kube/config.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kube/token_source.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

base::Result<ClusterConfig> load_kubeconfig(const std::string& path, std::string_view context) {
  const ReadFile read_file = [](const std::string& name) { return base::read_file(name); };
  base::Result<std::string> text = read_file(path);
  if (!text) return base::fail(std::move(text.error()), "kubeconfig");
  return parse_kubeconfig(*text, path, context, read_file);
}

base::Result<ClusterConfig> load_in_cluster_config(const InClusterEnvironment& environment) {
  if (environment.service_host.empty() || environment.service_port.empty()) {
    return base::fail(ErrorKind::invalid,
                      "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is not a pod of a "
                      "cluster: name a kubeconfig with --kubeconfig");
  }
  const std::string& folder = environment.service_account_folder;
  const bool ipv6 = environment.service_host.contains(':');
  const std::string address = ipv6 ? "[" + environment.service_host + "]" : environment.service_host;
  ClusterConfig config;
  config.origin = "the pod's service account";
  base::Result<net::Url> server = net::parse_url(fmt::format("https://{}:{}", address, environment.service_port));
  if (!server) return base::fail(std::move(server.error()), "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT");
  config.server = std::move(*server);
  base::Result<std::string> ca = base::read_file(folder + "/ca.crt");
  if (!ca) return base::fail(std::move(ca.error()), "the cluster's certificate authority");
  config.tls.ca_pem = std::move(*ca);
  config.token_file = folder + "/token";
  base::Result<std::string> token = base::read_file(config.token_file);
  if (!token) {
    return base::fail(std::move(token.error()),
                      "the service account's token (automountServiceAccountToken must not be false)");
  }
  const base::Result<base::Secret> parsed = parse_token(*token);
  if (!parsed) return base::fail(parsed.error(), config.token_file);
  // Absent where a token is projected by hand: the default stays.
  const base::Result<std::string> ns = base::read_file(folder + "/namespace");
  if (ns && !base::trim(*ns).empty()) config.default_namespace = base::trim(*ns);
  return config;
}

base::Result<ClusterConfig> load_cluster_config(const std::string& kubeconfig_path) {
  if (!kubeconfig_path.empty()) return load_kubeconfig(kubeconfig_path);
  InClusterEnvironment environment;
  environment.service_host = environment_variable("KUBERNETES_SERVICE_HOST");
  environment.service_port = environment_variable("KUBERNETES_SERVICE_PORT");
  return load_in_cluster_config(environment);
}

}  // namespace podid::kube
