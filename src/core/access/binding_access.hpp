// SPDX-License-Identifier: Apache-2.0
// What spec.access of a binding says of one pod's requests, all of it: bounds, windows and grants. Immutable and thread-safe.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include "core/access/access_decision.hpp"
#include "core/access/access_terms.hpp"
#include "core/access/grants.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

class BindingAccess {
 public:
  // `grants`: of the binding, for the pod; they count only where the terms want one.
  BindingAccess(ObjectKey binding, std::shared_ptr<const AccessTerms> terms, GrantSchedule grants)
      : binding_(std::move(binding)), terms_(std::move(terms)), grants_(std::move(grants)) {}

  bool needs_grant() const { return terms_->access().grant.has_value(); }
  const Access& access() const { return terms_->access(); }
  const ObjectKey& binding() const { return binding_; }

  // Open until the first of its ends. Views in the state go as long as this lives. Allocates nothing.
  AccessState at(Instant now) const;
  // Why it is so, a sentence without a full stop: "AzureIdentityBinding shop/b: no window of spec.access is open; …".
  std::string text(Instant now) const;

 private:
  ObjectKey binding_;
  std::shared_ptr<const AccessTerms> terms_;
  GrantSchedule grants_;
};

// What to do about a state that is not open.
std::string access_remedy(const AccessState& state);

}  // namespace podid::core
