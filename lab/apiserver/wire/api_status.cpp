// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/api_status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace podid::lab::apiserver {

namespace json = boost::json;

namespace {

ApiStatus about(const Subject& subject, std::string_view name, int code, std::string_view reason, std::string message) {
  return ApiStatus{.code = code,
                   .reason = std::string(reason),
                   .message = std::move(message),
                   .name = std::string(name),
                   .group = subject.group,
                   .kind = subject.plural};
}

ApiStatus plain(int code, std::string_view reason, std::string message) {
  return ApiStatus{.code = code, .reason = std::string(reason), .message = std::move(message), .details = false};
}

// The message of a field error with its detail, where there is one.
std::string worded(std::string_view what, std::string_view detail) {
  return detail.empty() ? std::string(what) : fmt::format("{}: {}", what, detail);
}

}  // namespace

std::string Subject::resource() const { return group.empty() ? plural : plural + "." + group; }
std::string Subject::qualified_kind() const { return group.empty() ? kind : kind + "." + group; }

json::value ApiStatus::to_json() const {
  json::object metadata;
  if (!continue_token.empty()) metadata["continue"] = continue_token;
  json::object out{{"kind", "Status"},
                   {"apiVersion", "v1"},
                   {"metadata", std::move(metadata)},
                   {"status", "Failure"},
                   {"message", message}};
  if (!reason.empty()) out["reason"] = reason;
  if (details) {
    json::object about;
    if (!name.empty()) about["name"] = name;
    if (!group.empty()) about["group"] = group;
    if (!kind.empty()) about["kind"] = kind;
    if (!causes.empty()) {
      json::array list;
      for (const StatusCause& cause : causes) {
        json::object item{{"reason", cause.reason}, {"message", cause.message}};
        if (!cause.field.empty()) item["field"] = cause.field;
        list.emplace_back(std::move(item));
      }
      about["causes"] = std::move(list);
    }
    if (retry_after_seconds > 0) about["retryAfterSeconds"] = retry_after_seconds;
    out["details"] = std::move(about);
  }
  out["code"] = code;
  return out;
}

ApiStatus not_found(const Subject& subject, std::string_view name) {
  return about(subject, name, 404, "NotFound", fmt::format("{} \"{}\" not found", subject.resource(), name));
}

ApiStatus already_exists(const Subject& subject, std::string_view name) {
  return about(subject, name, 409, "AlreadyExists", fmt::format("{} \"{}\" already exists", subject.resource(), name));
}

ApiStatus conflict(const Subject& subject, std::string_view name, std::string_view why) {
  return about(subject, name, 409, "Conflict",
               fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", subject.resource(), name, why));
}

ApiStatus modified_conflict(const Subject& subject, std::string_view name) {
  return conflict(subject, name,
                  "the object has been modified; please apply your changes to the latest version and try again");
}

ApiStatus forbidden(const Subject& subject, std::string_view name, std::string_view why) {
  const std::string what = name.empty() ? fmt::format("{} is forbidden: {}", subject.resource(), why)
                                        : fmt::format("{} \"{}\" is forbidden: {}", subject.resource(), name, why);
  return about(subject, name, 403, "Forbidden", what);
}

ApiStatus bad_request(std::string message) { return plain(400, "BadRequest", std::move(message)); }

ApiStatus invalid(const Subject& subject, std::string_view name, std::vector<StatusCause> causes) {
  std::vector<std::string> problems;
  for (const StatusCause& cause : causes) {
    std::string problem = cause.field.empty() ? cause.message : fmt::format("{}: {}", cause.field, cause.message);
    if (std::ranges::find(problems, problem) == problems.end()) problems.push_back(std::move(problem));
  }
  const std::string all = problems.size() == 1 ? problems.front() : fmt::format("[{}]", fmt::join(problems, ", "));
  ApiStatus status = about(subject, name, 422, "Invalid",
                           fmt::format("{} \"{}\" is invalid: {}", subject.qualified_kind(), name, all));
  status.kind = subject.kind;
  status.causes = std::move(causes);
  return status;
}

ApiStatus unprocessable() {
  return ApiStatus{
      .code = 422, .reason = "Invalid", .message = "the server rejected our request due to an error in our request"};
}

ApiStatus unauthorized() { return plain(401, "Unauthorized", "Unauthorized"); }

ApiStatus method_not_allowed() {
  return ApiStatus{.code = 405,
                   .reason = "MethodNotAllowed",
                   .message = "the server does not allow this method on the requested resource"};
}

ApiStatus unroutable_media_type(int code) {
  const std::string_view text = code == 406 ? "Not Acceptable" : "Unsupported Media Type";
  ApiStatus status =
      plain(code, code == 406 ? "NotAcceptable" : "UnsupportedMediaType", fmt::format("{}: {}", code, text));
  status.details = true;
  return status;
}

ApiStatus unsupported_media_type(std::string_view accepted) {
  return plain(
      415, "UnsupportedMediaType",
      fmt::format("the body of the request was in an unknown format - accepted media types include: {}", accepted));
}

ApiStatus too_large(std::string message) { return plain(413, "RequestEntityTooLarge", std::move(message)); }

ApiStatus too_many_requests(std::string message) {
  ApiStatus status = plain(429, "TooManyRequests", std::move(message));
  status.details = true;
  status.retry_after_seconds = 1;
  return status;
}

ApiStatus expired(std::string message) { return plain(410, "Expired", std::move(message)); }

ApiStatus internal_error(std::string message) { return plain(500, "", std::move(message)); }

ApiStatus too_large_resource_version(std::uint64_t asked, std::uint64_t current) {
  return ApiStatus{
      .code = 504,
      .reason = "Timeout",
      .message = fmt::format("Timeout: Too large resource version: {}, current: {}", asked, current),
      .causes = {{.reason = "ResourceVersionTooLarge", .message = "Too large resource version", .field = {}}},
      .retry_after_seconds = 1};
}

ApiStatus unknown_resource() {
  return ApiStatus{.code = 404, .reason = "NotFound", .message = "the server could not find the requested resource"};
}

json::value success_status(const Subject& subject, std::string_view name, std::string_view uid) {
  json::object details{{"name", name}};
  if (!subject.group.empty()) details["group"] = subject.group;
  details["kind"] = subject.plural;
  if (!uid.empty()) details["uid"] = uid;
  return json::object{{"kind", "Status"},
                      {"apiVersion", "v1"},
                      {"metadata", json::object{}},
                      {"status", "Success"},
                      {"details", std::move(details)}};
}

StatusCause required_value(std::string field, std::string_view detail) {
  return {.reason = "FieldValueRequired", .message = worded("Required value", detail), .field = std::move(field)};
}

StatusCause invalid_value(std::string field, std::string_view shown, std::string_view detail) {
  return {.reason = "FieldValueInvalid",
          .message = worded(fmt::format("Invalid value: {}", shown), detail),
          .field = std::move(field)};
}

StatusCause type_invalid(std::string field, std::string_view shown, std::string_view detail) {
  StatusCause cause = invalid_value(std::move(field), shown, detail);
  cause.reason = "FieldValueTypeInvalid";
  return cause;
}

StatusCause forbidden_value(std::string field, std::string_view detail) {
  return {.reason = "FieldValueForbidden", .message = worded("Forbidden", detail), .field = std::move(field)};
}

StatusCause unsupported_value(std::string field, std::string_view shown, const std::vector<std::string>& supported) {
  return {.reason = "FieldValueNotSupported",
          .message = fmt::format("Unsupported value: {}: supported values: {}", shown, fmt::join(supported, ", ")),
          .field = std::move(field)};
}

StatusCause too_long(std::string field, std::size_t max_bytes) {
  return {.reason = "FieldValueTooLong",
          .message = fmt::format("Too long: may not be more than {} bytes", max_bytes),
          .field = std::move(field)};
}

StatusCause too_many(std::string field, std::size_t actual, std::size_t max) {
  return {.reason = "FieldValueTooMany",
          .message = fmt::format("Too many: {}: must have at most {} items", actual, max),
          .field = std::move(field)};
}

StatusCause duplicate_value(std::string field, std::string_view shown) {
  return {
      .reason = "FieldValueDuplicate", .message = fmt::format("Duplicate value: {}", shown), .field = std::move(field)};
}

std::string shown_value(const json::value& value) {
  if (value.is_string()) return base::go_quote(std::string_view(value.get_string()));
  if (value.is_null()) return "null";
  return json::serialize(value);
}

}  // namespace podid::lab::apiserver
