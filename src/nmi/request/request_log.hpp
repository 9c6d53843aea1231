// SPDX-License-Identifier: Apache-2.0
// What remains of an answered token request: its metric and its line in the log.
#pragma once
#include <string_view>

#include "base/clock.hpp"
#include "base/log_budget.hpp"
#include "base/metrics/metrics.hpp"
#include "nmi/request/resource_labels.hpp"
#include "nmi/request/token_call.hpp"

namespace podid::nmi {

// One worker's.
class RequestLog {
 public:
  RequestLog(base::Clock& clock, base::MetricsRegistry& metrics);

  // `reason`: of a refusal.
  void record(const TokenCall& call, int status, std::string_view reason);

 private:
  base::Clock& clock_;
  base::Family<base::Histogram>& durations_;
  ResourceLabels resource_labels_;
  base::LogBudget log_budget_;
};

}  // namespace podid::nmi
