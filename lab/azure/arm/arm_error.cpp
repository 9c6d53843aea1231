// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/arm/arm_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

namespace podid::lab::azure {

namespace json = boost::json;

Reply arm_error_reply(const ArmError& error) {
  json::object body{{"code", error.code}, {"message", error.message}};
  if (!error.target.empty()) body["target"] = error.target;
  Reply reply = json_reply(error.status, json::object{{"error", std::move(body)}});
  if (!error.challenge.empty()) reply.headers.set("WWW-Authenticate", error.challenge);
  return reply;
}

ArmError authorization_failed(const ArmCaller& caller, std::string_view action, std::string_view scope) {
  return {.status = 403,
          .code = "AuthorizationFailed",
          .message = fmt::format("The client '{}' with object id '{}' does not have authorization to perform action "
                                 "'{}' over scope '{}' or the scope is invalid. If access was recently granted, "
                                 "please refresh your credentials.",
                                 caller.client_id, caller.object_id, action, scope)};
}

ArmError linked_authorization_failed(const ArmCaller& caller, std::string_view action, std::string_view machine_id,
                                     const std::vector<std::string>& identity_ids) {
  return {.status = 403,
          .code = "LinkedAuthorizationFailed",
          .message = fmt::format(
              "The client '{}' with object id '{}' has permission to perform action '{}' on scope '{}'; however, it "
              "does not have permission to perform action(s) "
              "'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '{}' or the "
              "linked scope(s) are invalid.",
              caller.client_id, caller.object_id, action, machine_id, fmt::join(identity_ids, ","))};
}

ArmError failed_identity_operation(std::string_view machine_id, std::string_view identity_id) {
  return {.status = 400,
          .code = "FailedIdentityOperation",
          .message = fmt::format(
              "Identity operation for resource '{}' failed with error 'Failed to perform resource identity operation. "
              "Status: 'BadRequest'. Response: '{{\"error\":{{\"code\":\"BadRequest\",\"message\":\"Resource '{}' was "
              "not found.\"}}}}'.'.",
              machine_id, identity_id)};
}

}  // namespace podid::lab::azure
