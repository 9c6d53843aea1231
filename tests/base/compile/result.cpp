// SPDX-License-Identifier: Apache-2.0
// A dropped Result does not compile (tests/base/CMakeLists.txt).
#include "base/async.hpp"
#include "base/error.hpp"

namespace podid::base {

Result<> write();
Result<int> read();
Task<Result<>> send();
Task<> wait();

Task<> drop_all() {
  write();          // expected-error {{ignoring return value}}
  read();           // expected-error {{ignoring return value}}
  co_await send();  // expected-error {{ignoring return value}}
  send();           // expected-error {{ignoring return value}}
  wait();           // expected-error {{ignoring return value}}
  co_await wait();
  static_cast<void>(write());
}

}  // namespace podid::base
