// SPDX-License-Identifier: Apache-2.0
// The controller's metrics, found once (mic.md §10, MIC-32).
#pragma once
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "core/model/resources.hpp"

namespace podid::mic {

class MicMetrics {
 public:
  explicit MicMetrics(base::MetricsRegistry& registry);

  void added(base::Duration took);
  void updated(base::Duration took);
  void deleted(base::Duration took);
  // assigned_identity_addition, assigned_identity_deletion, assigned_identity_update,
  // update_azure_assigned_identity_status.
  void api_failed(std::string_view operation) { api_errors_.increment({operation}); }
  void cycle(base::Duration took);
  // As azure::ComputeOptions::on_operation.
  void azure_succeeded(std::string_view operation, base::Duration took);
  void azure_failed(std::string_view operation);
  // A whole round of one VM or scale set.
  void azure_round(std::string_view operation, std::string_view resource, base::Duration took);

  void election_started() { elections_.increment(); }
  void leading(bool now) { leader_.set({}, now ? 1 : 0); }
  void queue_depth(std::size_t keys) { queue_.set({}, static_cast<double>(keys)); }
  void bad_identities(std::size_t count) { bad_identities_.set({}, static_cast<double>(count)); }
  void throttled(std::size_t resources) { throttled_.set({}, static_cast<double>(resources)); }
  enum class Reload { taken, failed };
  void config_reloaded(Reload reload) { reloads_.increment({reload == Reload::taken ? "ok" : "error"}); }
  // `total` so far.
  void events_dropped(std::uint64_t total);
  void bad_object(std::string_view resource) { bad_objects_.increment({resource}); }
  void grants(std::string_view phase, std::size_t count) { grants_.set({phase}, static_cast<double>(count)); }
  void policy_missing(bool now) { policy_missing_.set({}, now ? 1 : 0); }
  void crd_field_missing(bool now) { crd_field_missing_.set({}, now ? 1 : 0); }
  void mode(core::NamespacedMode mode) {
    mode_.set({"standard", mode == core::NamespacedMode::on ? "true" : "false"}, 1);
  }

 private:
  base::Family<base::Histogram>& addition_duration_;
  base::Family<base::Histogram>& update_duration_;
  base::Family<base::Histogram>& deletion_duration_;
  base::Family<base::Counter>& additions_;
  base::Family<base::Counter>& updates_;
  base::Family<base::Counter>& deletions_;
  base::Family<base::Counter>& api_errors_;
  base::Family<base::Histogram>& cycle_duration_;
  base::Family<base::Counter>& cycles_;
  base::Family<base::Counter>& elections_;
  base::Family<base::Histogram>& azure_duration_;
  base::Family<base::Counter>& azure_errors_;
  base::Family<base::Histogram>& round_duration_;
  base::Family<base::Gauge>& leader_;
  base::Family<base::Gauge>& queue_;
  base::Family<base::Gauge>& bad_identities_;
  base::Family<base::Gauge>& throttled_;
  base::Family<base::Counter>& reloads_;
  base::Family<base::Counter>& bad_objects_;
  base::Family<base::Gauge>& mode_;
  base::Family<base::Gauge>& grants_;
  base::Family<base::Gauge>& policy_missing_;
  base::Family<base::Gauge>& crd_field_missing_;
  base::Family<base::Counter>& events_dropped_;
  std::uint64_t events_dropped_so_far_ = 0;
};

}  // namespace podid::mic
