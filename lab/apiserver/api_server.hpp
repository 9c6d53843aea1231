// SPDX-License-Identifier: Apache-2.0
// An embedded Kubernetes API server: in memory, one thread, wire-compatible with kube-apiserver 1.35 for what
// kubectl and our own clients do with pods, nodes, secrets, configmaps, events, namespaces, service accounts,
// endpoints, leases, custom resource definitions and the custom resources that they define. Of what an installation
// has besides (workloads, roles, policies) objects are kept as they are written, and nothing follows from them.
//
// What it does not imitate:
// - controllers: nothing schedules pods, runs them, creates service accounts or collects garbage by
//   ownerReferences. Namespaces and CRDs do delete their contents, because nothing else would. Events do not
//   expire. A delete's propagationPolicy is accepted and has no effect.
// - graceful deletion: a deleted pod without finalizers goes at once, because no node agent would confirm its
//   end.
// - field ownership: managedFields never appear; server-side apply merges what is sent and removes nothing.
// - authorization (RBAC) and admission: whoever has a token may do everything; access reviews always allow. Admission
//   policies are kept, made an hour before they were: who waits until a policy surely acts, waits for nothing here.
// - protobuf (but for the request bodies that kubectl create sends), CBOR, HTTP/2, compression, API priority
//   and fairness, audit, aggregation, webhooks.
// - of pods, nodes and the other built-in kinds only the validation and defaulting that kubectl and we can
//   notice; unknown fields deep inside a built-in object are kept, where the real server drops them.
// - of CRDs: only the storage version is served; no CEL rules, no conversion, no scale subresource.
// - service account tokens; all groups that are not in discovery; selection of events.k8s.io/v1 events by more than
//   reason and type; exec, attach, log and port-forward.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "lab/apiserver/http/authentication.hpp"
#include "lab/apiserver/wire/limits.hpp"
#include "net/tls.hpp"

namespace podid::lab::apiserver {

struct ApiServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: chosen by the kernel
  int listen_fd = -1;      // a listening socket made elsewhere, in place of address and port; taken over
  std::optional<net::TlsServerOptions> tls = {};  // none: plain HTTP
  std::vector<TokenUser> tokens = {};             // empty: every request is allowed, as user system:admin
  std::string state_file = {};                    // journal of changes; empty: nothing survives the process
  Limits limits = {};
};

struct ApiServerStatistics {
  std::uint64_t requests = 0;
  std::uint64_t watches_opened = 0;
  std::uint64_t watches_dropped_slow = 0;
  std::size_t watchers = 0;
  std::size_t objects = 0;
  std::uint64_t revision = 0;  // the newest resourceVersion
};

// Belongs to one executor: all calls on its thread. `clock` and `random` outlive it. Await stop() before
// destruction.
class ApiServer {
 public:
  ApiServer(base::Executor executor, base::Clock& clock, base::Random& random, ApiServerOptions options);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Reads the state file, makes the namespaces that every cluster has, and listens. Errors: `invalid` for a
  // damaged state file or bad certificates, `unavailable` for an address that cannot be bound.
  base::Result<boost::asio::ip::tcp::endpoint> start();
  // Ends watches, then connections. Idempotent.
  base::Task<> stop();

  // "http://127.0.0.1:40123" (https with TLS). Valid after start().
  const std::string& url() const;
  ApiServerStatistics statistics() const;

  // Forgets all history, as etcd's compaction does: a watch from an older resourceVersion gets 410.
  void compact();
  // Ends every open watch regularly, as the real server does at random times.
  void close_watches();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace podid::lab::apiserver
