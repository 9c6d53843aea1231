// SPDX-License-Identifier: Apache-2.0
// What a pod's request meets: routes, checks, token, record (nmi.md §3 to §7). One per worker.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log_budget.hpp"
#include "base/metrics/metrics.hpp"
#include "net/server/http_server.hpp"
#include "nmi/pods/change_signal.hpp"
#include "nmi/record/issuance_log.hpp"
#include "nmi/request/authorizer.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/pod_limits.hpp"
#include "nmi/request/proxy.hpp"
#include "nmi/request/resource_labels.hpp"
#include "nmi/token/local_tokens.hpp"
#include "nmi/token/token_broker.hpp"

namespace podid::nmi {

struct RequestHandlerOptions {
  RouteOptions routes;
  AuthorizerOptions authorizer;
  bool metadata_header_required = true;
  // What a pod's header Host may say, each with its port where there may be one (SEC-9).
  std::vector<std::string> hosts{"169.254.169.254", "169.254.169.254:80"};
  bool scheduled_event_posts = false;  // pods may acknowledge scheduled events of the node
  bool host_token = true;
  bool permanent_config_errors_403 = false;
  base::Duration max_snapshot_age = std::chrono::minutes(10);
  // This worker's shares.
  std::size_t max_waiting = 4096;
  std::size_t max_waiting_per_pod = 512;
  double max_requests_per_pod = 0;  // a second, of any kind; 0: no limit
  double max_forwards_per_pod = 0;  // a second, to the real endpoint; 0: no limit
};

// What all workers share, all thread-safe.
struct RequestHandlerContext {
  const SnapshotSource& snapshots;
  TokenBroker& broker;
  base::Clock& clock;
  base::MetricsRegistry& metrics;
};

// One executor, that of its server. Everything in the context and the proxy outlive it.
class RequestHandler final : public net::HttpHandler {
 public:
  // `on_record` is called when there is something new in issuances().
  RequestHandler(base::Executor executor, RequestHandlerOptions options, const RequestHandlerContext& context,
                 Proxy& proxy, std::function<void()> on_record);

  // A cached token for a pod that may have it, a missing header, a malformed request: answered here. The rest waits for
  // something and goes to handle().
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override;
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;

  // There is a new snapshot: those who wait look again.
  void snapshot_changed() { changes_.notify(); }
  // The process ends soon: who waits for an assignment is told to come back, so that the successor can start. Requests
  // for which a token is being fetched finish.
  void drain() {
    draining_ = true;
    changes_.notify();
  }
  IssuanceLog& issuances() { return issuances_; }
  std::size_t waiting() const { return room_.waiting(); }

 private:
  // Whether a step has answered the request, or left it to the next one.
  enum class Progress : std::uint8_t { open, answered };
  // A request on its way from try_handle() to handle().
  struct Admitted;

  Progress answer_at_once(net::ServerRequest& request, net::ServerResponse& response);
  Progress hold_to_rate(RateLimit& rate, std::string_view limit, const net::ServerRequest& request,
                        net::ServerResponse& response);
  // Refuses what only somebody who was tricked into it sends: headers that the real endpoint refuses, or that hide them
  // from it, and the name of another host.
  Progress refuse_tricked(const net::ServerRequest& request, net::ServerResponse& response, const Routed& routed,
                          const TokenCall* call);
  Progress refuse_forward(net::ServerResponse& response, const Answer& answer, std::string_view reason);
  Progress admit_forward(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed);
  Progress answer_token(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed);
  // Reads into `call` what is asked, and answers what can be refused without knowing the pod.
  Progress read_call(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed, TokenCall& call);
  // Answers from this worker's own table, where there is a token that does.
  Progress answer_from_table(net::ServerResponse& response, const TokenCall& call, const Credential& credential);
  base::Task<> forward(net::ServerRequest& request, net::ServerResponse& response);
  base::Task<> serve_token(net::ServerResponse& response, TokenCall& call);
  base::Task<> serve_from_cache(net::ServerResponse& response, const TokenCall& call, CredentialPtr credential);
  void note_mismatch(const PodEntryPtr& entry, const core::Decision& about, std::string_view why);
  void send_token(net::ServerResponse& response, const TokenCall& call, const CachedToken& token,
                  std::string_view origin);
  void send_refusal(net::ServerResponse& response, const TokenCall& call, const Answer& answer,
                    std::string_view reason);
  Answer token_error_answer(const TokenCall& call, const base::Error& error) const;
  bool is_stale(const Snapshot& snapshot) const;
  // Metric and log line. `reason`: of a refusal.
  void record(const TokenCall& call, int status, std::string_view reason);

  const RequestHandlerOptions options_;
  TokenBroker& broker_;
  const SnapshotSource& snapshots_;
  base::Clock& clock_;
  Proxy& proxy_;
  std::function<void()> on_record_;
  base::Family<base::Histogram>& durations_;
  base::Family<base::Counter>& issued_;
  base::Family<base::Counter>& refusals_;
  base::Family<base::Counter>& limit_hits_;
  base::Counter* const mismatches_;

  Authorizer authorizer_;
  ChangeSignal changes_;
  LocalTokens local_;
  IssuanceLog issuances_;
  WaitingRoom room_;
  RateLimit rate_;
  RateLimit forwards_rate_;
  ResourceLabels resource_labels_;
  base::LogBudget log_budget_;
  bool draining_ = false;
  // Of try_handle: the decoded query. It goes with the call where handle() follows: views of it stay valid.
  std::unique_ptr<std::string> scratch_ = std::make_unique<std::string>();
  std::string body_;  // of try_handle and send_token: the answer
};

}  // namespace podid::nmi
