// SPDX-License-Identifier: Apache-2.0
// How identifiers that may be sensitive appear in logs and error texts.
#pragma once
#include <string>
#include <string_view>

namespace podid::core {

// "<first 4>##### REDACTED #####<last 4>" for a text of at least 8 characters whose first and last four are
// not white space; anything else is returned as it is (nmi.md §14). Characters are UTF-8 code points. For
// client IDs only: never use it to log a secret.
std::string redact(std::string_view text);
// The same, into a text whose room is used again.
void redact_into(std::string& out, std::string_view text);

}  // namespace podid::core
