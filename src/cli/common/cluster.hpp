// SPDX-License-Identifier: Apache-2.0
// The cluster that a verb works with: how it is chosen on the command line, and a connection to it.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "kube/client.hpp"
#include "kube/config.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

struct ClusterOptions {
  std::string kubeconfig;
  std::string context;
  std::string ns;  // empty: the kubeconfig's
  bool all_namespaces = false;
};

// --kubeconfig, --context, -n. `options` lives as long as the app.
void add_cluster_options(CLI::App& verb, ClusterOptions& options);
// -A as well.
void add_namespace_options(CLI::App& verb, ClusterOptions& options);

// kubeconfig: --kubeconfig, else KUBECONFIG, else the service account of the pod that we run in, else ~/.kube/config.
base::Result<kube::ClusterConfig> load_config(const ClusterOptions& options);

// One executor's; destroy it when no call is under way.
class Cluster {
 public:
  // Asks the API server for its version, and its time. Errors: those of load_config and kube::Client.
  static base::Task<base::Result<std::unique_ptr<Cluster>>> open(const ClusterOptions& options);

  kube::Client& client() { return *client_; }
  net::Deadline deadline();  // of one call
  // Of -n, else of the kubeconfig; with -A still this.
  const std::string& ns() const { return ns_; }
  // Where lists look: empty with -A.
  const std::string& scope() const { return scope_; }
  // By the API server's clock, as far as it says (to the second): times that it wrote are compared with this one, and the
  // clock of the machine of whoever asks may be wrong.
  base::WallTime now() const { return clock_.wall_now() + ahead_; }
  base::Clock& clock() { return clock_; }
  // gitVersion of Kubernetes; empty: it does not tell us.
  const std::string& version() const { return version_; }

  // Who we are to the API server (SelfSubjectReview): the name that admission policies compare with.
  base::Task<base::Result<std::string>> user();
  // Whether we may (SelfSubjectAccessReview). `name` empty: any.
  base::Task<base::Result<bool>> may(std::string_view verb, kube::ResourceType type, kube::ObjectKey key);

  // All objects of a type within `ns` (empty: all), in the server's order.
  base::Task<base::Result<std::vector<kube::json::value>>> list(kube::ResourceType type, std::string ns,
                                                                std::string field_selector = {});

 private:
  Cluster() = default;
  // Of objects that have no name and are not kept.
  base::Task<base::Result<kube::json::value>> ask(kube::ResourceType review, kube::json::object about);

  base::RealClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<kube::Client> client_;
  std::string ns_;
  std::string scope_;
  std::string version_;
  base::Duration ahead_{};
};

}  // namespace podid::cli
