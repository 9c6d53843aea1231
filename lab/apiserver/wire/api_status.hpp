// SPDX-License-Identifier: Apache-2.0
// Refusals, as the real server words them: metav1.Status with reason, details and causes.
#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

struct StatusCause {
  std::string reason;   // "FieldValueInvalid"
  std::string message;  // without the field
  std::string field;    // "spec.containers[0].name"
};

struct ApiStatus {
  int code = 500;
  std::string reason;
  std::string message;
  std::string name = {};   // details.name
  std::string group = {};  // details.group
  std::string kind = {};   // details.kind: the plural for most refusals, the kind for 422, as in the real server
  std::vector<StatusCause> causes = {};
  std::int64_t retry_after_seconds = 0;
  bool details = true;              // whether a details member is written, be it empty
  std::string continue_token = {};  // metadata.continue: an expired paged list tells where to go on

  boost::json::value to_json() const;
};

template <class T = void>
using Answer = std::expected<T, ApiStatus>;

// What a refusal is about, as its texts name it.
struct Subject {
  std::string group;   // "" for core
  std::string plural;  // "pods"
  std::string kind;    // "Pod"

  // "pods" or "leases.coordination.k8s.io"
  std::string resource() const;
  // "Pod" or "Lease.coordination.k8s.io"
  std::string qualified_kind() const;
};

ApiStatus not_found(const Subject& subject, std::string_view name);
ApiStatus already_exists(const Subject& subject, std::string_view name);
ApiStatus conflict(const Subject& subject, std::string_view name, std::string_view why);
// The conflict of an outdated resourceVersion.
ApiStatus modified_conflict(const Subject& subject, std::string_view name);
ApiStatus forbidden(const Subject& subject, std::string_view name, std::string_view why);
ApiStatus bad_request(std::string message);
// 422 with one cause per problem; `causes` is not empty.
ApiStatus invalid(const Subject& subject, std::string_view name, std::vector<StatusCause> causes);
// 422 without a subject: a JSON patch that does not apply.
ApiStatus unprocessable();
ApiStatus unauthorized();
ApiStatus method_not_allowed();
// A body that the addressed object cannot be read from.
ApiStatus unsupported_media_type(std::string_view accepted);
// A Content-Type (415) or Accept (406) for which the path has no method.
ApiStatus unroutable_media_type(int code);
ApiStatus too_large(std::string message);
ApiStatus too_many_requests(std::string message);
ApiStatus expired(std::string message);
ApiStatus internal_error(std::string message);
// A list from a resourceVersion that does not exist yet.
ApiStatus too_large_resource_version(std::uint64_t asked, std::uint64_t current);
// "the server could not find the requested resource"
ApiStatus unknown_resource();

// metav1.Status of a success, with details.
boost::json::value success_status(const Subject& subject, std::string_view name, std::string_view uid);

// Causes of field errors, worded as k8s.io/apimachinery's field.Error.
StatusCause required_value(std::string field, std::string_view detail = {});
// `shown` is the value as the text shows it: Go-quoted for strings, JSON else.
StatusCause invalid_value(std::string field, std::string_view shown, std::string_view detail);
StatusCause type_invalid(std::string field, std::string_view shown, std::string_view detail);
StatusCause forbidden_value(std::string field, std::string_view detail);
StatusCause unsupported_value(std::string field, std::string_view shown, const std::vector<std::string>& supported);
StatusCause too_long(std::string field, std::size_t max_bytes);
StatusCause too_many(std::string field, std::size_t actual, std::size_t max);
StatusCause duplicate_value(std::string field, std::string_view shown);
// A JSON value as those texts show it.
std::string shown_value(const boost::json::value& value);

}  // namespace podid::lab::apiserver
