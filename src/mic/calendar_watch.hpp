// SPDX-License-Identifier: Apache-2.0
// The ConfigMaps that the windows of bindings name for their holidays, always current. Each is followed by itself, so that no
// right on any other is needed (deploy/examples/calendar-reader.yaml).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/alarm.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/task_group.hpp"
#include "core/model/object_meta.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "mic/world/binding_terms.hpp"

namespace podid::mic {

// One executor. References outlive it; await stop() before the destructor.
class CalendarWatch {
 public:
  using Told = std::function<void(const core::ObjectKey& config_map, const ConfigMapTexts& texts)>;

  // `told`: what is known of a ConfigMap that is wanted, and whenever that changes. Not called from within set_wanted().
  CalendarWatch(kube::Client& client, Told told);

  // Replaces what the binding wants.
  void set_wanted(const core::ObjectKey& binding, const std::set<core::ObjectKey>& config_maps);
  // Whether all that the binding wants has been told.
  bool all_known(const core::ObjectKey& binding) const;
  base::Task<> stop();

 private:
  struct Followed {
    std::unique_ptr<kube::Informer<ConfigMapTexts>> informer;  // null: there are too many
    std::set<core::ObjectKey> bindings;
    base::SteadyTime since;
    bool known = false;
  };

  void follow(const core::ObjectKey& config_map, Followed& followed);
  std::unique_ptr<kube::Informer<ConfigMapTexts>> make_informer(const core::ObjectKey& config_map);
  void tell(const core::ObjectKey& config_map, const ConfigMapTexts& texts);
  void look_at_unknown();
  base::Task<> end(std::unique_ptr<kube::Informer<ConfigMapTexts>> informer);

  kube::Client& client_;
  const Told told_;
  std::map<core::ObjectKey, Followed> followed_;
  std::map<core::ObjectKey, std::set<core::ObjectKey>> wanted_;  // by binding
  base::Alarm alarm_;
  base::TaskGroup ending_;  // last: ends before what it uses
};

}  // namespace podid::mic
