// SPDX-License-Identifier: Apache-2.0
// What a kubelet and a network plugin are on a real node: gives each pod that is bound to a lab node a
// network namespace and an address, reports it Running, and takes both away when the pod is deleted.
// Containers are not run; `podid lab exec` runs commands in a pod's namespace.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "lab/cluster/layout.hpp"

namespace podid::lab::cluster {

// The fields of a pod that the agent reads.
struct AgentPod {
  kube::ObjectKey key;
  std::string uid;
  std::string node;
  std::string address;  // status.podIP
  std::string phase;
  std::vector<std::string> containers;  // names
  bool host_network = false;
  bool deleting = false;
};
base::Result<AgentPod> read_agent_pod(const boost::json::value& object);

// One agent serves all nodes of a lab. Belongs to the client's executor; layout and client outlive it. Await
// stop().
//
// Level-based: each change of a pod marks it, one worker brings marked pods into their state one after the
// other, and a failed one is tried again after kRetryDelay. Namespaces of pods that are gone are removed once
// the first list is in.
class NodeAgent {
 public:
  static constexpr std::chrono::milliseconds kRetryDelay{500};

  NodeAgent(const Layout& layout, kube::Client& client, base::Clock& clock);
  void start();
  base::Task<> stop();

 private:
  using Pod = std::shared_ptr<const AgentPod>;

  void mark(const kube::ObjectKey& key);
  base::Task<> work();
  base::Task<base::Result<>> reconcile(const kube::ObjectKey& key);
  base::Task<base::Result<>> bring_up(const AgentPod& pod, const NodeLayout& node);
  base::Task<base::Result<>> take_down(const kube::ObjectKey& key);
  base::Task<base::Result<>> report_running(const AgentPod& pod, const NodeLayout& node, std::string address);
  base::Task<> retry_later(kube::ObjectKey key);
  base::Result<std::string> claim_address(const kube::ObjectKey& key, const NodeLayout& node,
                                          const std::string& wanted);
  void remove_orphans();

  const Layout& layout_;
  kube::Client& client_;
  base::Clock& clock_;
  kube::Informer<AgentPod> pods_;
  std::set<kube::ObjectKey> marked_;
  std::map<std::string, kube::ObjectKey> addresses_;  // taken, by whom
  std::map<kube::ObjectKey, std::string> made_for_;   // pods that have a namespace → the uid that it was made for
  base::Event wake_;
  base::TaskGroup tasks_;
};

// The program of `podid lab serve-node-agent`: runs until SIGTERM or SIGINT; errors are returned.
base::Result<> run_node_agent(const Layout& layout, const std::string& kubeconfig);

}  // namespace podid::lab::cluster
