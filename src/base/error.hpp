// SPDX-License-Identifier: Apache-2.0
// Errors as values: a kind to branch on, a message for the person who reads it.
#pragma once
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace podid::base {

enum class ErrorKind {
  invalid,          // malformed input: a flag, a file, a request, an object; repeating it does not help
  not_found,        // the named thing does not exist
  already_exists,   // create of something that is there
  conflict,         // optimistic concurrency: read again and retry
  unauthenticated,  // the peer does not know who we are (401)
  denied,           // the peer knows and refuses (403)
  gone,             // the position asked for no longer exists (410: list again)
  throttled,        // too many requests (429); retry_after says when
  unavailable,      // the peer cannot be reached or answers 5xx: worth retrying
  timeout,          // our own deadline passed
  cancelled,        // stopped by us
  unsupported,      // valid, but not implemented here
  internal,         // our own bug or a broken environment
};

std::string_view to_string(ErrorKind kind);

// What went wrong, for which object, what to do. `message` is lower case, has no full stop at the end and never holds a
// secret or a token. `http_status` and `code` are the peer's own words where it answered (else 0 and empty).
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  int http_status = 0;
  std::string code;
  std::optional<std::chrono::seconds> retry_after;

  // The same error with `context + ": "` put before the message.
  Error with_context(std::string_view context) &&;
  Error with_context(std::string_view context) const&;
};

// A value or an Error. A class of its own because libstdc++ 12's expected may be dropped without a word; this one may
// not, nor what a Task of it gives. Where the outcome changes nothing: static_cast<void> with the reason beside it.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// return fail(ErrorKind::invalid, "flag --x: ...");
std::unexpected<Error> fail(ErrorKind kind, std::string message);
// return fail(std::move(result.error()), "reading kubeconfig /x");
std::unexpected<Error> fail(Error error, std::string_view context);

// Whether repeating the same call later may succeed: throttled, unavailable, timeout.
bool is_retryable(const Error& error);

// The kind that an HTTP status of an API of Kubernetes or Azure means (2xx is not an error and gives internal).
ErrorKind kind_of_http_status(int status);

}  // namespace podid::base
