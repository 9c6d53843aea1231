// SPDX-License-Identifier: Apache-2.0
// What sends the pods' metadata traffic to the NMI: one interface, three back ends.
#pragma once
#include <string_view>

#include "base/async.hpp"
#include "base/error.hpp"

namespace podid::nmi {

// One executor. Rules stay when the object or the process ends: only remove() takes them away.
class Redirect {
 public:
  virtual ~Redirect() = default;
  virtual std::string_view name() const = 0;

  // Puts the rules in place as one transaction, replacing what an earlier process left. Repeating it is harmless.
  virtual base::Task<base::Result<>> install() = 0;
  // Completes when the rules may have been altered by somebody else (they are then to be installed again). Call after
  // install(). An error means that changes cannot be observed at the moment.
  virtual base::Task<base::Result<>> wait_for_damage() = 0;
  // After install(): takes away what an earlier installation of another kind left.
  virtual base::Task<> replace_predecessors() { co_return; }
  // Takes away everything that install() makes; nothing else.
  virtual base::Task<base::Result<>> remove() = 0;
};

}  // namespace podid::nmi
