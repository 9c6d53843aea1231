// SPDX-License-Identifier: Apache-2.0
// Records as tests of the audit log make them.
#pragma once
#include <chrono>
#include <string>

#include "audit/record.hpp"

namespace podid::test {

inline constexpr base::WallTime kNoon = base::WallTime(std::chrono::seconds(1'800'000'000));

inline audit::RecordView record_of(std::string_view pod, base::WallTime time = kNoon) {
  return {.time = time,
          .node = "node-1",
          .source = "10.0.0.7",
          .ns = "shop",
          .pod = pod,
          .pod_uid = "7d1c6c1e-0000-4000-8000-000000000001",
          .service_account = "front",
          .binding = "shop/store-reader",
          .identity = "shop/reader",
          .identity_type = "managedIdentity",
          .client_id = "1234##### REDACTED #####abcd",
          .resource = "https://storage.azure.com/",
          .cached = true,
          .expires = time + std::chrono::hours(1),
          .latency = std::chrono::microseconds(57),
          .grant = "shop/inc-4711",
          .uti = "AbCdEf123",
          .oid = "00000000-0000-4000-8000-0000000000aa"};
}

}  // namespace podid::test
