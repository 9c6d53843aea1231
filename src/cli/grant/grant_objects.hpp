// SPDX-License-Identifier: Apache-2.0
// The objects of just-in-time access as a person writes them, and a grant as it is shown before it is approved. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::cli {

namespace json = boost::json;

struct GrantRequest {
  std::string ns;
  std::string name;  // empty: the API server makes one from the binding's
  std::string binding;
  std::string duration;
  std::string reason;
  std::vector<std::string> pod_labels;  // "label=value"
  std::string not_before;               // RFC 3339, "+2h", or empty
  std::string requested_by;
};

// `invalid`: a label without '=', a duration that is none or not from 1m to 168h, a time that is none.
base::Result<json::object> grant_object(const GrantRequest& request, base::WallTime now);

// One person's approval of exactly this grant: it has its UID, so that one of the same name that comes later is not approved.
json::object approval_object(const json::value& grant, const std::string& approved_by, const std::string& comment);

// A merge patch for exactly this grant.
json::value revocation_patch(const json::value& grant, const std::string& by, const std::string& reason);

// What is asked for, a few lines. `binding`: that of the grant, where it could be read.
std::string describe_grant(const json::value& grant, const std::optional<json::value>& binding, base::WallTime now);

}  // namespace podid::cli
