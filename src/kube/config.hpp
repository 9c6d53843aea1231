// SPDX-License-Identifier: Apache-2.0
// Where the API server is and who we are to it: from a kubeconfig or from the pod that we run in.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

namespace podid::kube {

struct ClusterConfig {
  net::Url server;  // target is the base path: "/" or "/prefix" without a slash at the end
  net::TlsClientOptions tls;
  base::Secret token;      // a fixed bearer token, or empty
  std::string token_file;  // a bearer token that is re-read (see TokenSource); wins over `token`
  // What reads that file; empty: base::read_file.
  std::function<base::Result<std::string>()> read_token_file;
  std::string default_namespace = "default";
  std::string origin;  // where this came from, for messages: "kubeconfig /x, context y"
};

// What a kubeconfig's relative file names are read with; tests and the fuzz target put their own.
using ReadFile = std::function<base::Result<std::string>(const std::string& path)>;

// The text of a kubeconfig. `path` is its file name: relative names in it start from its folder, and errors name it,
// the field and the remedy. `context` empty: current-context. Understood: clusters with server, certificate
// authority, insecure-skip-tls-verify and tls-server-name; users with token, tokenFile and client certificates.
// `unsupported` for what we cannot honour: exec and auth-provider plugins, user name and password, proxy-url,
// impersonation.
base::Result<ClusterConfig> parse_kubeconfig(std::string_view text, const std::string& path, std::string_view context,
                                             const ReadFile& read_file);
base::Result<ClusterConfig> load_kubeconfig(const std::string& path, std::string_view context = {});

// What Kubernetes gives to every pod.
struct InClusterEnvironment {
  std::string service_host = {};  // KUBERNETES_SERVICE_HOST
  std::string service_port = {};  // KUBERNETES_SERVICE_PORT
  std::string service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
};
base::Result<ClusterConfig> load_in_cluster_config(const InClusterEnvironment& environment);

// The rule of the programs: the kubeconfig when one is named, else the pod that we run in, read from this process's
// environment.
base::Result<ClusterConfig> load_cluster_config(const std::string& kubeconfig_path);

}  // namespace podid::kube
