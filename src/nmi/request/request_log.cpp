// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/request_log.hpp"

#include "base/log.hpp"

namespace podid::nmi {

RequestLog::RequestLog(base::Clock& clock, base::MetricsRegistry& metrics)
    : clock_(clock), durations_(metrics.histogram(base::metric::kNmiOperationsDuration)) {}

void RequestLog::record(const TokenCall& call, int status, std::string_view reason) {
  char digits[3] = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                    static_cast<char>('0' + status % 10)};
  const std::string_view ns = call.entry ? std::string_view(call.entry->pod->ns) : call.pod_ns;
  const std::string_view pod = call.entry ? std::string_view(call.entry->pod->name) : call.pod_name;
  const base::Duration took = clock_.steady_now() - call.start;
  const std::string_view resource = resource_labels_.label_of(
      call.query.resource, status == 200 ? ResourceLabels::Answered::issued : ResourceLabels::Answered::refused);
  durations_.observe({call.operation, std::string_view(digits, 3), ns, resource}, base::in_seconds(took));
  if (call.decision.legacy_assignment && log_budget_.take(clock_.steady_now())) {
    base::log::warning("the AzureAssignedIdentity has no status: an old controller wrote it",
                       {{"namespace", ns}, {"pod", pod}, {"object", call.decision.assigned->meta.name}});
  }
  // What happens thousands of times a second, or before anybody knows who asks, is worth a line only to those who look
  // for it: system calls are most of a cached token's cost.
  const bool notable = status != 200 && call.entry;
  if (!notable && !base::log::debug_enabled()) return;
  if (!log_budget_.take(clock_.steady_now())) return;
  const auto log = notable ? base::log::info : base::log::debug;
  log(status == 200 ? "token issued" : "token refused", {{"status", status},
                                                         {"reason", reason},
                                                         {"namespace", ns},
                                                         {"pod", pod},
                                                         {"remote", call.peer.to_string()},
                                                         {"method", call.method},
                                                         {"path", call.operation},
                                                         {"took_ns", took.count()},
                                                         {"candidates", call.decision.candidates},
                                                         {"suppressed_before", log_budget_.take_suppressed()}});
}

}  // namespace podid::nmi
