// SPDX-License-Identifier: Apache-2.0
// Any bytes as the resource manager's answer. Besides: a plan that is carried out leaves nothing to do and keeps what it
// does not name, and ids found in an error are ids.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "azure/arm_wire.hpp"
#include "azure/identity_patch.hpp"
#include "base/time_text.hpp"

namespace {

using namespace podid;

void plan_and_apply(const azure::IdentityState& before) {
  azure::IdentityChange change;
  change.add = {"/Added", "/both"};
  change.remove = {"/BOTH", "/absent"};
  if (!before.user_assigned.empty()) change.remove.push_back(before.user_assigned.begin()->first);
  const auto plan = azure::plan_patches(before, change);
  if (!plan) {
    if (before.type != azure::IdentityType::unknown) std::abort();
    return;
  }
  azure::IdentityState after = before;
  for (const azure::IdentityPatch& patch : *plan) {
    static_cast<void>(patch.body());
    after = azure::apply(std::move(after), patch);
  }
  const auto rest = azure::plan_patches(after, change);
  if (!rest || !rest->empty() || !after.has("/added") || !after.has("/both")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const base::WallTime now = base::from_unix_seconds(1'800'000'000);
  if (const auto state = azure::parse_resource(text)) plan_and_apply(*state);

  net::Response response;
  response.body = text;
  for (const int status : {200, 202, 403, 429}) {
    response.status = status;
    const base::Error error = azure::arm_error(response, now);
    static_cast<void>(azure::is_identity_error(error));
    static_cast<void>(azure::throttle_scope(response, error));
    for (const std::string& id : azure::quoted_identity_ids(error.message)) {
      if (!id.starts_with("/subscriptions/")) std::abort();
    }
    if (status >= 300) continue;
    for (const azure::OperationStep& step :
         {azure::read_patch_answer(response, now), azure::read_poll_answer(response, {}, now)}) {
      if (step.error.has_value() != (step.state == azure::OperationState::failed)) std::abort();
    }
  }
  return 0;
}
