// SPDX-License-Identifier: Apache-2.0
// Notices new network interfaces, for as long as it runs.
#pragma once
#include <functional>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"

namespace podid::nmi {

// One executor. References outlive it; await stop() before the destructor.
class InterfaceWatch {
 public:
  // `on_appeared`: an interface that is not our own was made in the network namespace or moved there, or one may have
  // been missed.
  InterfaceWatch(base::Executor executor, base::Clock& clock, base::Random& random, std::function<void()> on_appeared);

  void start();
  base::Task<> stop();

 private:
  base::Task<> watch();
  base::Task<base::Result<>> follow();

  base::Executor executor_;
  base::Clock& clock_;
  base::Random& random_;
  std::function<void()> on_appeared_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
