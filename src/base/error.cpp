// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <utility>

namespace podid::base {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not found";
    case ErrorKind::already_exists:
      return "already exists";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::gone:
      return "gone";
    case ErrorKind::throttled:
      return "throttled";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

Error Error::with_context(std::string_view context) && {
  message.insert(0, ": ");
  message.insert(0, context);
  return std::move(*this);
}

Error Error::with_context(std::string_view context) const& { return Error(*this).with_context(context); }

std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(
      Error{.kind = kind, .message = std::move(message), .http_status = 0, .code = {}, .retry_after = {}});
}

std::unexpected<Error> fail(Error error, std::string_view context) {
  return std::unexpected(std::move(error).with_context(context));
}

bool is_retryable(const Error& error) {
  return error.kind == ErrorKind::throttled || error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

ErrorKind kind_of_http_status(int status) {
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 411:
    case 413:
    case 414:
    case 415:
    case 422:
    case 431:
      return ErrorKind::invalid;
    case 401:
      return ErrorKind::unauthenticated;
    case 403:
      return ErrorKind::denied;
    case 404:
      return ErrorKind::not_found;
    case 408:
      return ErrorKind::timeout;
    case 409:
      return ErrorKind::conflict;
    case 410:
      return ErrorKind::gone;
    case 429:
      return ErrorKind::throttled;
    case 501:
      return ErrorKind::unsupported;
    default:
      return status >= 500 ? ErrorKind::unavailable : ErrorKind::internal;
  }
}

}  // namespace podid::base
