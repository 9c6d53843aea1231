// SPDX-License-Identifier: Apache-2.0
// An AccessState in words, the same in answers, events, conditions and explain. Pure.
#pragma once
#include <string>

#include "core/access/access_terms.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

// What is so, since when or until when, and what to do where that is known: sentences that each end with a full stop. Times are in UTC.
// "AzureIdentityBinding shop/reader: no window of spec.access is open; the next one opens at 2026-01-02T00:00:00Z."
std::string access_text(const ObjectKey& binding, const AccessTerms& terms, const AccessState& state);

// "until 2026-01-02T00:00:00Z" and the like, for a table: "closed until …", "open until …", "open", "closed".
std::string short_access_text(const AccessState& state);

}  // namespace podid::core
