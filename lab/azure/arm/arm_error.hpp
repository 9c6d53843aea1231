// SPDX-License-Identifier: Apache-2.0
// ARM's error envelope and the messages whose wording clients take apart.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lab/azure/http/call.hpp"

namespace podid::lab::azure {

struct ArmError {
  int status = 400;
  std::string code;
  std::string message;
  std::string target = {};     // optional
  std::string challenge = {};  // the WWW-Authenticate of a 401
};
Reply arm_error_reply(const ArmError& error);

// Who asks, as the messages name it.
struct ArmCaller {
  std::string client_id;
  std::string object_id;
};

ArmError authorization_failed(const ArmCaller& caller, std::string_view action, std::string_view scope);
// No right to assign, or nothing there that could be: all IDs in one pair of quotes.
ArmError linked_authorization_failed(const ArmCaller& caller, std::string_view action, std::string_view machine_id,
                                     const std::vector<std::string>& identity_ids);
// The identity is gone.
ArmError failed_identity_operation(std::string_view machine_id, std::string_view identity_id);

}  // namespace podid::lab::azure
